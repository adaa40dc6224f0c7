"""What the allocation file holds after a run: the plan's places, and all that the run knows nothing of."""

from collections.abc import Iterable
from ipaddress import IPv4Address

import pytest

from minetlab.lab import Allocation, Lab, Placement
from minetlab.plan import Plan, allocate
from minetlab.plan.placements import placements, refuse_if_changed, with_plan, without_gone, without_student
from minetlab.util.errors import LabError
from tests.support.places import lab_of


def line(login: str, machine: str, host: str, place: int = 20000) -> Placement:
    return Placement(login=login, machine=machine, host=host, place=place)


def of(*lines: Placement) -> Allocation:
    return Allocation(placements=lines, source="r.csv")


def planned(logins: Iterable[str], **options: object) -> tuple[Lab, Plan]:
    lab = lab_of(logins, tps=("isa",), **options)  # type: ignore[arg-type]
    return lab, allocate(lab)


OURS = line("zoe", "lab-zoe-isa", "ct0")
OTHER_LAB = line("zoe", "other-zoe-isa", "ct0")
OTHER_HOST = line("zoe", "lab-zoe-isa", "@sandbox/ct0")


def test_each_machine_of_a_plan_is_written_with_its_owner_host_and_place() -> None:
    _, plan = planned(["alice"])
    (guest,), (container,) = plan.guests, plan.containers
    assert placements(plan) == (
        Placement(login="alice", machine="lab-alice", host="hv0", place=guest.address.ip),
        Placement(login="alice", machine="lab-alice-isa", host="ct0", place=container.ssh_port),
    )


def test_new_lines_come_in_order_and_those_of_machines_without_a_plan_stay() -> None:
    lab, plan = planned(["bob", "alice"])
    after = with_plan(of(OURS, OTHER_LAB), lab, plan)
    assert after.source == "r.csv"
    assert [each.machine for each in after.placements] == [
        "lab-alice",
        "lab-alice-isa",
        "lab-bob",
        "lab-bob-isa",
        "lab-zoe-isa",
        "other-zoe-isa",
    ]
    assert with_plan(after, lab, plan) == after


def test_a_new_place_replaces_the_old_one_except_on_hosts_of_another_inventory() -> None:
    lab, plan = planned(["alice"])
    old = line("alice", "lab-alice-isa", "ct0", 20099)
    elsewhere = line("alice", "lab-alice-isa", "@sandbox/ct0", 20098)
    guest = Placement(login="alice", machine="lab-alice", host="hv0", place=IPv4Address("192.0.2.9"))
    assert with_plan(of(guest, old, elsewhere), lab, plan).placements == (
        placements(plan)[0],
        elsewhere,
        placements(plan)[1],
    )


def test_of_those_who_left_the_labs_own_lines_on_that_host_go() -> None:
    lab, plan = planned(["alice"])
    guest = line("zoe", "lab-zoe", "hv0")
    here = of(*placements(plan), guest, OURS, OTHER_LAB, OTHER_HOST)
    typed = " ct0".strip()
    assert without_gone(here, lab, plan, typed) == of(*placements(plan), guest, OTHER_LAB, OTHER_HOST)
    assert without_gone(here, lab, plan, "hv0") == of(*placements(plan), OURS, OTHER_LAB, OTHER_HOST)


def test_a_student_who_is_forgotten_leaves_no_line_on_the_inventorys_hosts() -> None:
    lab, plan = planned(["alice"])
    here = of(*placements(plan), line("zoe", "lab-zoe", "hv0"), OURS, OTHER_LAB, OTHER_HOST)
    typed = " zoe".strip()
    assert without_student(here, lab, typed) == of(*placements(plan), OTHER_LAB, OTHER_HOST)
    assert without_student(here, lab, "alice").placements == here.placements[2:]
    assert without_student(here, lab, "z") == here


def test_a_file_that_somebody_else_has_changed_is_not_overwritten() -> None:
    before, after = of(OURS), of(OURS, OTHER_LAB)
    assert refuse_if_changed(before, before, after) == after
    assert refuse_if_changed(after, before, after) == after
    for current in (of(), of(OTHER_LAB), of(OTHER_LAB, OURS)):
        with pytest.raises(LabError, match=r"r\.csv was changed since this run read it") as error:
            refuse_if_changed(current, before, after)
        assert error.value.next_step == "run the command again"
