from ipaddress import IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minetlab.lab import (
    ContainerHost,
    ContainerHostSettings,
    KvmHost,
    KvmHostSettings,
    Lab,
    NatNetwork,
    Student,
)
from minetlab.lab.settings import PortRange
from minetlab.lab.student import RESERVED_LOGINS
from minetlab.plan import allocate
from minetlab.util.errors import LabError

LOGINS = st.lists(st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True), unique=True, max_size=40).map(
    lambda logins: [login for login in logins if login not in RESERVED_LOGINS]
)


def lab_of(logins, hosts=("hv1", "hv2"), network=None):
    settings = KvmHostSettings(guest_network=network) if network else KvmHostSettings()
    return Lab(
        name="course",
        students=tuple(Student(login=login, name=login.title()) for login in logins),
        kvm_hosts=tuple(KvmHost(name=host, settings=settings) for host in hosts),
        container_hosts=(ContainerHost(name="ct1", settings=ContainerHostSettings()),),
    )


def test_more_containers_than_a_docker_network_has_addresses_are_refused():
    pools = {"docker_address_pools": [{"base": "10.201.0.0/16", "size": 28}], "tp_images": ["isa"]}
    lab = lab_of([f"s{number}" for number in range(13)])
    hosts = (ContainerHost(name="ct1", settings=ContainerHostSettings.model_validate(pools)),)
    few = lab.model_copy(update={"container_hosts": hosts, "students": lab.students[:12]})
    assert len(allocate(few).containers) == 12
    with pytest.raises(LabError, match=r"ct1 would have 13 containers, .* has 12 addresses for them \(/28\)"):
        allocate(few.model_copy(update={"students": lab.students}))


@given(LOGINS)
def test_everybody_gets_a_guest_of_their_own(logins):
    guests = allocate(lab_of(logins)).guests
    assert {guest.student.login for guest in guests} == set(logins)
    for attribute in ("name", "uuid", "mac", "address"):
        assert len({getattr(guest, attribute) for guest in guests}) == len(logins)


@given(LOGINS)
def test_addresses_are_the_guests_part_of_the_subnet(logins):
    subnet = IPv4Network("10.77.0.0/24")
    for guest in allocate(lab_of(logins)).guests:
        assert guest.address.network == subnet
        assert subnet[16] <= guest.address.ip < subnet.broadcast_address


@given(LOGINS)
def test_the_order_of_the_roster_does_not_matter(logins):
    assert allocate(lab_of(logins)) == allocate(lab_of(logins[::-1]))


@given(LOGINS)
def test_every_container_has_a_port_of_its_own_that_does_not_depend_on_the_order(logins):
    containers = allocate(lab_of(logins)).containers
    ports = {container.ssh_port for container in containers}
    assert len(ports) == len(containers)
    assert all(20000 <= port <= 29999 for port in ports)


def test_a_port_that_is_taken_gives_way_and_no_port_left_is_said():
    settings = ContainerHostSettings(ssh_ports=PortRange(first=20000, last=20001))
    lab = lab_of(["alice", "bob"]).model_copy(
        update={"container_hosts": (ContainerHost(name="ct1", settings=settings),)}
    )
    assert {container.ssh_port for container in allocate(lab).containers} == {20000, 20001}
    crowded = lab.model_copy(update={"students": lab_of(["alice", "bob", "carol"]).students})
    with pytest.raises(LabError, match=r"ct1: all 2 ports of ssh_ports"):
        allocate(crowded)


@given(LOGINS)
def test_everybody_gets_one_container_an_image(logins):
    containers = allocate(lab_of(logins)).containers
    assert sorted(container.name for container in containers) == sorted(
        f"course-{login}-processus" for login in logins
    )


def test_a_full_subnet_is_refused_with_the_setting_to_change():
    network = NatNetwork(subnet=IPv4Network("10.0.0.0/28"), reserved=12)
    with pytest.raises(LabError, match=r"hv1: all 2 guest addresses .* 10\.0\.0\.0/28 are taken") as error:
        allocate(lab_of(["a", "b", "c"], hosts=("hv1",), network=network))
    assert "guest_network.subnet" in error.value.next_step


def test_a_lab_without_hosts_of_a_kind_gets_none_of_it():
    lab = lab_of(["alice"]).model_copy(update={"kvm_hosts": (), "container_hosts": ()})
    assert allocate(lab).guests == ()
    assert allocate(lab).containers == ()
