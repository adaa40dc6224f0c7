from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given, strategies as st

from minetlab.lab import (
    BridgedNetwork,
    ContainerHost,
    ContainerHostSettings,
    KvmHost,
    KvmHostSettings,
    Lab,
    NatNetwork,
    Placement,
    Student,
)
from minetlab.lab.settings import PortRange
from minetlab.lab.student import RESERVED_LOGINS
from minetlab.plan import allocate
from minetlab.plan.allocation import belongs_to_lab, plan_of_students
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


def test_every_version_of_the_project_gives_a_machine_the_same_names_and_places():
    students = tuple(Student(login=login, name=login) for login in ("bob", "alice"))
    kvm_hosts = (KvmHost(name="hv1", settings=KvmHostSettings(guests_run=False)),)
    plan = allocate(lab_of([]).model_copy(update={"students": students, "kvm_hosts": kvm_hosts}))
    assert [(each.name, each.hostname, each.host, each.to_run) for each in plan.guests] == [
        ("course-alice", "alice-vm", "hv1", False),
        ("course-bob", "bob-vm", "hv1", False),
    ]
    assert [(str(each.uuid), each.mac, str(each.address)) for each in plan.guests] == [
        ("9be401a3-fe44-58c5-8668-dc45f1758ae8", "52:54:00:61:00:b2", "10.77.0.178/24"),
        ("247532c7-9550-5fa1-8dd6-c5e379cdb35f", "52:54:00:61:00:bd", "10.77.0.189/24"),
    ]
    assert [(each.name, each.student, each.tp_image, each.ssh_port) for each in plan.containers] == [
        ("course-alice-processus", students[1], "processus", 22171),
        ("course-bob-processus", students[0], "processus", 25955),
    ]
    assert plan.machines == (*plan.guests, *plan.containers)


def test_guests_of_two_labs_on_one_bridge_differ_in_their_mac_addresses():
    lab = lab_of(["alice"])
    first, second = (allocate(lab.model_copy(update={"name": name})).guests[0] for name in ("a", "b"))
    assert first.address == second.address
    assert first.mac != second.mac


def test_addresses_of_two_hosts_differ_in_their_last_two_octets():
    # A MAC address is made of these two.
    def macs(second):
        subnets = (IPv4Network("10.0.0.16/30"), IPv4Network(second))
        hosts = tuple(
            KvmHost(
                name=f"hv{number}",
                settings=KvmHostSettings(guest_network=NatNetwork(subnet=subnet, reserved=1), capacity=1),
            )
            for number, subnet in enumerate(subnets)
        )
        lab = lab_of(["alice", "bob"]).model_copy(update={"kvm_hosts": hosts})
        return {guest.mac for guest in allocate(lab).guests}

    assert len(macs("10.0.128.16/30")) == 2
    with pytest.raises(LabError, match=r"1 guest addresses of guest_network\.subnet .* are taken: 1 too few"):
        macs("10.1.0.16/30")


def test_a_gateway_among_the_guests_addresses_is_no_guests():
    network = BridgedNetwork(
        mode="bridge",
        bridge="br0",
        subnet=IPv4Network("192.0.2.0/29"),
        reserved=3,
        gateway=IPv4Address("192.0.2.5"),
        nameservers=(IPv4Address("192.0.2.53"),),
    )
    guests = allocate(lab_of(["alice", "bob"], ("hv1",), network)).guests
    assert {str(guest.address) for guest in guests} == {"192.0.2.4/29", "192.0.2.6/29"}
    with pytest.raises(LabError, match="1 too few"):
        allocate(lab_of(["alice", "bob", "carol"], ("hv1",), network))


def test_all_that_is_wrong_is_said_at_once_and_each_next_step_once():
    network = NatNetwork(subnet=IPv4Network("10.0.0.0/30"), reserved=1)
    lab = lab_of(["a", "b", "c", "d"], network=network)
    with pytest.raises(LabError) as error:
        allocate(lab)
    assert len(error.value.problem.splitlines()) == 2
    assert error.value.next_step.count("widen guest_network.subnet") == 1
    assert ";" not in error.value.next_step


def test_the_first_of_several_address_pools_is_the_one_that_counts():
    pools = [{"base": "10.201.0.0/16", "size": 30}, {"base": "10.202.0.0/16", "size": 24}]
    lab = lab_of(["alice"])

    def with_pools(pools):
        settings = ContainerHostSettings.model_validate({"docker_address_pools": pools})
        return lab.model_copy(update={"container_hosts": (ContainerHost(name="ct1", settings=settings),)})

    assert len(allocate(with_pools(pools[::-1])).containers) == 1
    assert len(allocate(with_pools([])).containers) == 1
    with pytest.raises(LabError, match=r"ct1 would have 1 containers, .* has 0 addresses for them \(/30\)"):
        allocate(with_pools(pools))


def test_a_placement_belongs_to_the_lab_and_student_that_its_machine_is_named_after():
    def belongs(machine, lab="lab"):
        return belongs_to_lab(Placement(login="bob", machine=machine, host="h", place=20000), lab)

    assert belongs("lab-bob")
    assert belongs("lab-bob-isa")
    assert not belongs("lab-bobby")
    assert not belongs("lab-2-bob")
    assert belongs("lab-2-bob", "lab-2")


def test_a_plan_is_narrowed_to_hosts_and_students():
    plan = allocate(lab_of(["alice", "bob", "carol"], ("hv1", "hv2")))
    some = plan.of_students(["alice", "carol"])
    assert {each.student.login for each in some.guests} == {"alice", "carol"}
    assert {each.student.login for each in some.containers} == {"alice", "carol"}
    assert {*plan.guests_on("hv1"), *plan.guests_on("hv2")} == set(plan.guests)
    assert all(each.host == "hv2" for each in plan.guests_on("hv2"))
    assert (plan.containers_on("ct1"), plan.containers_on("ct2")) == (plan.containers, ())


def test_students_are_chosen_by_logins_of_the_roster():
    lab = lab_of(["alice", "bob"])
    plan = allocate(lab)
    assert plan_of_students(lab, plan, ["alice"]) == plan.of_students(["alice"])
    assert plan_of_students(lab, plan, ["alice", "bob"]) == plan
    with pytest.raises(LabError, match="not in the roster: alise, zoe") as error:
        plan_of_students(lab, plan, ["zoe", "alice", "alise"])
    assert error.value.next_step == "choose one of: alice, bob"
    with pytest.raises(LabError, match="no student is named"):
        plan_of_students(lab, plan, [])
