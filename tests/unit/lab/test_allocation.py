"""The allocation file: what is written is read again, and every mistake in it is named by its line."""

from ipaddress import IPv4Address

import pytest

from minetlab.lab import Allocation, Placement, parse_allocation
from minetlab.lab.allocation import collision
from minetlab.util.errors import LabError

GUEST = Placement(login="alice", machine="lab-alice", host="hv1", place=IPv4Address("10.77.0.20"))
CONTAINER = Placement(login="alice", machine="lab-alice-isa", host="ct1", place=20001)
HEADER = "login,machine,host,place\n"


def refused(text: str) -> list[str]:
    with pytest.raises(LabError) as error:
        parse_allocation(text, "r.csv")
    assert error.value.next_step == "correct r.csv; a machine whose line is deleted gets a free place"
    return error.value.problem.splitlines()


def test_what_is_written_is_read_again() -> None:
    text = Allocation(placements=(CONTAINER, GUEST)).text
    assert text == f"{HEADER}alice,lab-alice-isa,ct1,20001\nalice,lab-alice,hv1,10.77.0.20\n"
    assert parse_allocation(text, "r.csv") == Allocation(placements=(CONTAINER, GUEST), source="r.csv")


def test_a_file_with_its_header_only_gives_no_machine_a_place() -> None:
    assert Allocation().text == HEADER
    assert parse_allocation(HEADER, "r.csv").placements == ()


def test_a_machine_may_have_a_line_for_each_of_several_hosts() -> None:
    text = f"{HEADER}alice,lab-alice,hv1,10.77.0.20\nalice,lab-alice,hv2,10.77.0.20\n"
    assert [each.host for each in parse_allocation(text, "r.csv").placements] == ["hv1", "hv2"]


def test_all_mistakes_are_named_at_once_by_line() -> None:
    assert refused(
        f"{HEADER}alice,lab-alice,hv1,somewhere\n"
        "bob,lab-bob,hv1,10.77.0.21\n"
        "carol,,hv1,\n"
        "bob,lab-bob,hv1,10.77.0.22\n"
        "dora,lab-dora,hv1,10.77.0.256\n"
        "erin,lab-erin,ct1,-1\n"
    ) == [
        "r.csv, line 2, column place: is neither an IPv4 address nor a port",
        "r.csv, line 4, column machine: is empty",
        "r.csv, line 4, column place: is empty",
        "r.csv, line 5: the same machine and host as line 3",
        "r.csv, line 6, column place: is neither an IPv4 address nor a port",
        "r.csv, line 7, column place: is neither an IPv4 address nor a port",
    ]


def test_a_column_that_is_missing_is_named_once_and_no_line_is_blamed_for_it() -> None:
    assert refused("login,machine,host\nalice,lab-alice,hv1\nbob,lab-bob,hv1\n") == [
        "r.csv, line 1: no column place"
    ]


def test_two_machines_with_one_place_are_named_with_the_file() -> None:
    error = collision(Allocation(source="r.csv"), "lab-alice", "lab-bob")
    assert error.problem == "r.csv gives the same place to lab-alice and lab-bob"
    assert error.next_step == "correct r.csv; a machine whose line is deleted gets a free place"
