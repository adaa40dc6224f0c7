"""A lab and its hosts: under which address a host is reached, and which host is meant by a name."""

import pytest
from pydantic import ValidationError

from minetlab.lab import ContainerHost, ContainerHostSettings, KvmHost, KvmHostSettings, Lab


def kvm_host(name: str, hostname: str | None = None) -> KvmHost:
    return KvmHost(name=name, hostname=hostname, settings=KvmHostSettings())


def container_host(name: str, site_port: int | None = None) -> ContainerHost:
    return ContainerHost(name=name, settings=ContainerHostSettings(site_port=site_port))


LAB = Lab(
    name="minet",
    students=(),
    kvm_hosts=(kvm_host("hv1"), kvm_host("hv2")),
    container_hosts=(container_host("ct1", 8080), container_host("ct2", 0), container_host("ct3", 80)),
)


@pytest.mark.parametrize(
    ("name", "hostname", "address", "in_sandbox"),
    [
        ("hv1", None, "hv1", False),
        ("hv1.example.org", None, "hv1.example.org", False),
        ("hv1", "192.0.2.1", "192.0.2.1", False),
        ("@ssh/hv1", None, "hv1", False),
        ("@sandbox/hv1", None, "hv1", True),
        ("@sandbox/hv1", "127.0.0.1", "127.0.0.1", True),
    ],
)
def test_a_host_is_reached_by_its_name_without_the_connector_or_by_another_address(
    name: str, hostname: str | None, address: str, in_sandbox: bool
) -> None:
    host = kvm_host(name, hostname)
    assert (host.address, host.in_sandbox) == (address, in_sandbox)


def test_a_host_is_found_among_those_of_its_kind() -> None:
    assert LAB.kvm_host("hv2") == LAB.kvm_hosts[1]
    assert LAB.container_host("ct2") == LAB.container_hosts[1]
    with pytest.raises(KeyError):
        LAB.kvm_host("ct1")
    with pytest.raises(KeyError):
        LAB.container_host("hv1")


def test_the_site_is_on_the_hosts_that_have_a_port_for_it() -> None:
    assert [host.name for host in LAB.site_hosts] == ["ct1", "ct3"]


def test_guests_are_emulated_where_need_be_unless_the_lab_says_otherwise() -> None:
    assert not LAB.require_kvm


def test_a_lab_is_not_changed_and_has_no_fields_but_its_own() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        LAB.name = "other"
    with pytest.raises(ValidationError, match="colour"):
        Lab.model_validate({**dict(LAB), "colour": "blue"})
    with pytest.raises(ValidationError, match="require_kvm"):
        Lab.model_validate({**dict(LAB), "require_kvm": "yes"})
