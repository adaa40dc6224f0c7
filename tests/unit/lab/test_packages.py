"""The packages of hosts, by the release of Debian that a host has."""

from minetlab.lab.packages import CONTAINER_HOST_PACKAGES, KVM_HOST_PACKAGES


def test_hosts_of_both_kinds_may_have_either_release() -> None:
    assert set(CONTAINER_HOST_PACKAGES) == set(KVM_HOST_PACKAGES) == {12, 13}


def test_only_where_the_client_is_a_package_of_its_own_it_is_installed() -> None:
    assert set(CONTAINER_HOST_PACKAGES[13]) - set(CONTAINER_HOST_PACKAGES[12]) == {"docker-cli"}
