"""On which host a student belongs: always on the same one, and on each host its share."""

from hashlib import sha256
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from minetlab.plan.spread import Capacities, capacity_shortage, hash_of, spread
from minetlab.util.errors import LabError

CLASS = [f"s{number}" for number in range(60)]
CAPACITIES = st.dictionaries(st.sampled_from("abc"), st.none() | st.integers(0, 5), min_size=1)


@pytest.mark.parametrize(("parts", "text"), [(("a",), b"a"), (("hv1", "alice"), b"hv1/alice")])
def test_a_hash_is_the_first_64_bits_of_sha_256(parts: tuple[str, ...], text: bytes) -> None:
    assert f"{hash_of(*parts):016x}" == sha256(text).hexdigest()[:16]


@pytest.mark.parametrize(
    ("capacities", "hosts"),
    [
        ({"a": None, "b": None, "c": None}, "caacccaabccacabbbaaacaaccbbaacabacbccbacccacacccbcbbbbacbcbb"),
        ({"a": 90, "b": 60, "c": None}, "caacccaacccacabbcaaacaaccccaacacacbccaacccacacccccbabbacbccb"),
        ({"a": 5, "b": 25, "c": 30}, "ccbccbbbbacaccbbccaccbbccccbbcccccbccbbcccacbcccbcbbbbabbbbb"),
        ({"a": 5, "b": 8}, "bab-------aaaabbbbbb----------------------------------------"),
    ],
)
def test_every_version_of_the_project_sends_a_class_to_the_same_hosts(
    capacities: Capacities, hosts: str
) -> None:
    sent = spread(CLASS, capacities, {})
    assert "".join(sent.get(login, "-") for login in CLASS) == hosts


@given(st.sets(st.sampled_from(CLASS[:12])), CAPACITIES)
def test_a_host_without_room_takes_nobody_and_one_without_a_limit_everybody(
    logins: set[str], capacities: dict[str, int | None]
) -> None:
    sent = list(spread(logins, capacities, {}).values())
    for host, capacity in capacities.items():
        assert capacity is None or sent.count(host) <= capacity
    room = [len(logins) if each is None else each for each in capacities.values()]
    assert len(sent) == min(len(logins), sum(room))


def test_of_too_many_on_a_host_the_same_ones_stay_however_many_have_to_go() -> None:
    recorded = dict.fromkeys(CLASS[:6], "a")
    stay = [set(spread(CLASS[:6], {"a": room}, recorded)) for room in range(7)]
    assert [len(each) for each in stay] == [0, 1, 2, 3, 4, 5, 6]
    assert all(few < more for few, more in pairwise(stay))


def test_who_is_recorded_comes_before_who_is_not() -> None:
    for login in CLASS[:6]:
        others = [each for each in CLASS[:6] if each != login]
        assert spread(CLASS[:6], {"a": 1}, {login: "a"}) == {login: "a"}
        assert spread(others, {"a": 6}, {login: "a"}).keys() == set(others)
        assert len(spread(others, {"a": 5}, {login: "a"})) == 4


def test_a_host_that_was_overfull_by_those_who_left_takes_nobody_more() -> None:
    assert spread(["new"], {"a": 1}, {"old": "a", "older": "a"}) == {}
    assert spread(["new"], {"a": None}, {"old": "a"}) == {"new": "a"}


def shortage(logins: list[str], capacities: Capacities, recorded: dict[str, str]) -> list[LabError]:
    return list(
        capacity_shortage(
            "kvm_hosts",
            logins=logins,
            capacities=capacities,
            recorded_hosts=recorded,
            served=spread(logins, capacities, recorded),
            allocation="r.csv",
        )
    )


def test_nothing_is_said_where_everybody_has_a_host() -> None:
    assert shortage(["a", "b"], {"hv1": 2}, {}) == []
    assert shortage(["a"], {"hv1": 2}, {"gone": "hv1"}) == []


def test_how_many_are_too_many_is_said_with_the_room_of_each_host() -> None:
    (error,) = shortage(["a", "b", "c", "d", "e"], {"hv2": 1, "hv1": 2}, {})
    assert error.problem == (
        "kvm_hosts: there is room for 3 students (hv1 2, hv2 1), but there are 5: 2 too many"
    )
    assert error.next_step == (
        "raise capacity in inventories/group_data/, or name another host in the inventory"
    )


def test_who_left_and_holds_room_is_named() -> None:
    (error,) = shortage(["a", "b"], {"hv1": 2}, {"y": "hv1", "x": "hv1", "a": "hv1"})
    assert error.problem.endswith(
        "but there are 2, and room is held for x, y, who left the roster: 1 too many"
    )
    assert error.next_step.endswith(", or remove the machines of those who left, and their lines in r.csv")
