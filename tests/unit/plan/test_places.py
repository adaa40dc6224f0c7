"""What a machine has been given, it keeps: whoever comes or goes, whatever the hosts."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given, strategies as st

from minetlab.lab import Allocation, KvmHost, KvmHostSettings, NatNetwork, Placement
from minetlab.plan import Container, Guest, Plan, allocate
from minetlab.plan.placements import with_plan, without_gone
from minetlab.plan.places import PlaceRequest, settle, shortage
from minetlab.plan.spread import hash_of
from minetlab.util.errors import LabError
from tests.support.places import TPS, lab_of

# Few addresses and ports, so that nearly every preference collides.
EVERYBODY = [f"s{number}" for number in range(12)]
ROSTERS = st.lists(st.lists(st.sampled_from(EVERYBODY), unique=True), min_size=1, max_size=5)
CAPACITIES = st.lists(st.none() | st.integers(0, 9), min_size=1, max_size=3)


def deploy(logins, capacities=(None,), allocation=None, **options):
    """Allocate as a deploy does; returns the plan, and the allocation file after it."""
    lab = lab_of(logins, capacities, allocation=allocation, **options)
    plan = allocate(lab)
    return plan, with_plan(lab.allocation, lab, plan)


def given_in(plan: Plan):
    """What everybody has."""
    machines: list[Guest | Container] = [*plan.guests, *plan.containers]
    return {each.name: each for each in machines}


def fits(logins, capacities, allocation=None):
    """Whether there is room for these students, and for those whom the allocation file knows."""
    everybody = set(logins) | {each.login for each in (allocation or Allocation()).placements}
    return None in capacities or sum(capacities) >= len(everybody)


@given(ROSTERS, CAPACITIES)
def test_nobody_moves_when_others_come_or_go_and_nothing_is_given_twice(rosters, capacities):
    allocation = Allocation()
    before: dict[str, Guest | Container] = {}
    for logins in rosters:
        if not fits(logins, capacities, allocation):
            with pytest.raises(LabError, match="too many"):
                deploy(logins, capacities, allocation)
            continue
        plan, allocation = deploy(logins, capacities, allocation)
        now = given_in(plan)
        assert len(now) == (1 + len(TPS)) * len(logins)
        assert {name: now[name] for name in now.keys() & before.keys()} == {
            name: before[name] for name in now.keys() & before.keys()
        }
        for unique in (
            [guest.address for guest in plan.guests],
            [guest.mac for guest in plan.guests],
            [guest.uuid for guest in plan.guests],
            [(container.host, container.ssh_port) for container in plan.containers],
            [(each.machine, each.host) for each in allocation.placements],
        ):
            assert len(unique) == len(set(unique))
        for number, capacity in enumerate(capacities):
            if capacity is not None:
                assert len(plan.guests_on(f"hv{number}")) <= capacity
                assert len(plan.containers_on(f"ct{number}")) <= capacity * len(TPS)
        assert deploy(logins[::-1], capacities, allocation) == (plan, allocation)
        before = now


@given(ROSTERS)
def test_who_comes_back_finds_what_they_had(rosters):
    allocation = Allocation()
    seen: dict[str, Guest | Container] = {}
    for logins in rosters:
        plan, allocation = deploy(logins, (None, None), allocation)
        for name, machine in given_in(plan).items():
            assert seen.setdefault(name, machine) == machine


@given(st.lists(st.sampled_from(EVERYBODY), unique=True), st.integers(0, 3))
def test_without_a_record_the_plan_depends_on_the_roster_only(logins, hosts):
    assert allocate(lab_of(logins, hosts * [None])) == allocate(lab_of(logins[::-1], hosts * [None]))


@given(st.lists(st.sampled_from(EVERYBODY), unique=True), CAPACITIES)
def test_who_does_not_fit_is_counted(logins, capacities):
    if fits(logins, capacities):
        return
    with pytest.raises(LabError) as error:
        deploy(logins, capacities)
    missing = len(logins) - sum(capacities)
    for group in ("kvm_hosts", "container_hosts"):
        assert f"{group}: there is room for {sum(capacities)} students" in error.value.problem
        assert f"but there are {len(logins)}: {missing} too many" in error.value.problem
    assert "raise capacity in inventories/group_data/" in error.value.next_step


def test_a_new_host_moves_nobody_and_takes_who_comes_next():
    few = EVERYBODY[:6]
    before, allocation = deploy(few, (6,))
    after, _ = deploy(EVERYBODY, (6, None), allocation)
    assert given_in(before).items() <= given_in(after).items()
    assert len(after.guests_on("hv1")) == 6


def test_only_those_on_a_host_that_is_gone_move_and_they_keep_their_addresses():
    before, allocation = deploy(EVERYBODY, (None, None))
    assert {guest.host for guest in before.guests} == {"hv0", "hv1"}
    after, allocation = deploy(EVERYBODY, (None,), allocation)
    assert after.guests == tuple(replace(guest, host="hv0") for guest in before.guests)
    # The host comes back: there is no need to move again.
    assert deploy(EVERYBODY, (None, None), allocation)[0] == after


@given(st.integers(0, 12))
def test_as_many_move_as_a_lowered_capacity_asks_for(capacity):
    before, allocation = deploy(EVERYBODY, (None, 0))
    after, _ = deploy(EVERYBODY, (capacity, None), allocation)
    moved = [new for old, new in zip(before.guests, after.guests, strict=True) if old.host != new.host]
    assert len(moved) == 12 - capacity
    assert [each.address for each in before.guests] == [each.address for each in after.guests]


def test_the_spread_is_in_proportion_to_the_capacities():
    logins = [f"s{number}" for number in range(400)]
    settings = [
        KvmHostSettings(guest_network=NatNetwork(subnet=IPv4Network("10.0.0.0/16")), capacity=each)
        for each in (300, 900)
    ]
    lab = lab_of(logins, ()).model_copy(
        update={"kvm_hosts": tuple(KvmHost(name=f"hv{n}", settings=each) for n, each in enumerate(settings))}
    )
    share = len(allocate(lab).guests_on("hv0")) / len(logins)
    assert share == pytest.approx(1 / 4, abs=0.07)  # three standard deviations


def test_an_address_outside_a_changed_subnet_is_given_up_and_no_other():
    before, allocation = deploy(EVERYBODY)
    high = IPv4Address("10.0.0.24")
    lab = lab_of(EVERYBODY[:6], allocation=allocation)
    narrow = NatNetwork(subnet=IPv4Network("10.0.0.0/27"), reserved=23)
    hosts = (KvmHost(name="hv0", settings=KvmHostSettings(guest_network=narrow)),)
    gone = without_gone(allocation, lab, allocate(lab), "hv0")
    after = {
        each.name: each.address.ip
        for each in allocate(lab.model_copy(update={"kvm_hosts": hosts, "allocation": gone})).guests
    }
    old = {each.name: each.address.ip for each in before.guests}
    assert all(address >= high for address in after.values())
    assert all(after[name] == old[name] for name in after if old[name] >= high)


def test_a_tp_image_more_leaves_the_other_containers_where_they_are():
    before, allocation = deploy(EVERYBODY, (None, None), tps=("processus",))
    after, allocation = deploy(EVERYBODY, (None, None), allocation, tps=TPS)
    assert given_in(before).items() <= given_in(after).items()
    # Its port is still there when it comes back.
    _, allocation = deploy(EVERYBODY, (None, None), allocation, tps=("processus",))
    assert deploy(EVERYBODY, (None, None), allocation)[0] == after


def test_the_sandbox_and_the_real_hosts_share_a_record_without_moving_anybody():
    rehearsal, allocation = deploy(EVERYBODY, (None, None), prefix="@sandbox/")
    real, allocation = deploy(EVERYBODY, (None, None), allocation)
    assert deploy(EVERYBODY, (None, None), allocation, prefix="@sandbox/") == (rehearsal, allocation)
    assert deploy(EVERYBODY, (None, None), allocation) == (real, allocation)


def test_two_labs_of_one_roster_have_no_port_of_a_host_in_common():
    first, allocation = deploy(EVERYBODY[:6], name="a")
    second, allocation = deploy(EVERYBODY[:6], allocation=allocation, name="a-b")
    ports = {each.ssh_port for each in (*first.containers, *second.containers)}
    assert len(ports) == 24
    assert deploy(EVERYBODY[:6], allocation=allocation, name="a")[0] == first
    lab = lab_of([], allocation=allocation, name="a")
    left = without_gone(allocation, lab, allocate(lab), "ct0").placements
    assert {each.machine for each in left if each.host == "ct0"} == {each.name for each in second.containers}


def test_what_those_who_left_hold_is_said_and_can_be_let_go():
    _, allocation = deploy(EVERYBODY)
    late = ["t0", "t1", "t2", *EVERYBODY[:9]]
    with pytest.raises(LabError) as error:
        deploy(["t0", "t1", "t2", "t3", *EVERYBODY[:9]], allocation=allocation)
    assert "hv0: all 15 guest addresses of guest_network.subnet 10.0.0.0/27 are taken: 1 too few" in (
        error.value.problem
    )
    assert "3 are held by machines that the roster does not ask for" in error.value.problem
    assert "ct0: all 24 ports of ssh_ports are taken: 8 too few" in error.value.problem
    lab = lab_of(EVERYBODY[:9])
    plan = allocate(lab.model_copy(update={"allocation": allocation}))
    for host in ("hv0", "ct0"):
        allocation = without_gone(allocation, lab, plan, host)
    assert {each.login for each in allocation.placements} == set(EVERYBODY[:9])
    assert given_in(plan).items() <= given_in(deploy(late, allocation=allocation)[0]).items()


@pytest.mark.parametrize(
    ("host", "place", "first", "second"),
    [("hv0", IPv4Address("10.0.0.20"), "lab-a", "lab-b"), ("ct0", 20003, "lab-a-isa", "lab-b-isa")],
)
def test_a_place_that_is_recorded_twice_is_refused(host, place, first, second):
    placements = tuple(
        Placement(login=login, machine=machine, host=host, place=place)
        for login, machine in (("a", first), ("b", second))
    )
    with pytest.raises(LabError, match=f"r.csv gives the same place to {first} and {second}"):
        deploy(["a", "b"], allocation=Allocation(placements=placements, source="r.csv"))


def test_who_left_keeps_the_room_until_they_are_forgotten():
    _, allocation = deploy(["a", "b"], (2,))
    why = r"\(hv0 2\), but there are 2, and room is held for b, who left the roster: 1 too many"
    with pytest.raises(LabError, match=why):
        deploy(["a", "c"], (2,), allocation)
    lab = lab_of(["a"], (2,), allocation=allocation)
    for host in ("hv0", "ct0"):
        allocation = without_gone(allocation, lab, allocate(lab), host)
    assert {guest.hostname for guest in deploy(["a", "c"], (2,), allocation)[0].guests} == {"a-vm", "c-vm"}


def test_two_machines_of_one_name_are_refused():
    with pytest.raises(LabError, match="a-isa and a would both have a machine called lab-a-isa"):
        deploy(["a", "a-isa"])


def test_two_containers_of_one_name_are_refused():
    lab = lab_of(["a", "a-b"], tps=("isa", "b-isa"))
    with pytest.raises(LabError, match="a and a-b would both have a machine called lab-a-b-isa"):
        allocate(lab)


def request(places, barred=None):
    return PlaceRequest("lab-a", "hv0", places, seed="a", barred=barred)


def test_a_machine_tries_its_old_place_and_then_all_others_from_its_own_one_on():
    places = range(100, 110)
    first = 100 + hash_of("a") % 10
    turn = [*range(first, 110), *range(100, first)]
    assert list(request(places).candidates(None)) == turn
    assert list(request(places, barred=105).candidates(None)) == [each for each in turn if each != 105]
    assert list(request(places).candidates(103)) == [103, *turn]
    for outside in (99, 110):
        assert list(request(places).candidates(outside)) == turn
    assert next(request(places, barred=105).candidates(105)) != 105
    assert list(request(range(0)).candidates(None)) == []


def request_of(machine, host="hv0", places=range(2)):
    return PlaceRequest(machine, host, places, seed=machine)


def settled(requests, recorded):
    return settle(requests, Allocation(), recorded, unique=lambda host, place: (host, place))


def test_who_lacks_a_place_and_who_holds_one_is_counted_by_host():
    requests = [request_of(name) for name in "abcd"] + [request_of(name, "hv1") for name in "ef"]
    recorded = {"a": ("hv0", 1), "x": ("hv0", 0), "y": ("hv1", 7), "z": ("hv1", 8)}
    result = settled(requests, recorded)
    assert result.places == {"a": 1, "e": result.places["e"], "f": 1 - result.places["e"]}
    assert (result.short, result.held) == ({"hv0": 3}, {"hv0": 1, "hv1": 2})


def test_who_moves_to_another_host_or_out_of_bounds_gives_up_the_old_place():
    assert settled([request_of("a"), request_of("b", "hv1")], {"a": ("hv1", 0), "b": ("hv1", 0)}).places == {
        "a": 0,
        "b": 0,
    }
    narrow = settled(
        [request_of("a", places=range(1)), request_of("b", places=range(1, 2))], {"a": ("hv0", 1)}
    )
    assert narrow.places == {"a": 0, "b": 1}


def test_a_shortage_names_what_to_widen_and_what_to_remove():
    def said(requests, recorded):
        allocation = Allocation(source="r.csv")
        errors = shortage(settled(requests, recorded), "hv0", "2 places", "the range", allocation)
        return [(error.problem, error.next_step) for error in errors]

    full = [request_of("a"), request_of("b"), request_of("c")]
    assert said(full[:2], {}) == []
    assert said(full, {}) == [("hv0: all 2 places are taken: 1 too few", "widen the range")]
    assert said(full, {"x": ("hv0", 1)}) == [
        (
            "hv0: all 2 places are taken: 2 too few; 1 are held by machines that the roster does not ask for",
            "widen the range, or remove those machines, and their lines in r.csv",
        )
    ]
