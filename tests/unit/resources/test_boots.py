"""How many guests boot at once, and whose turn it is, on a host that answers from a script."""

import base64
from typing import Any

import pytest

from minetlab.facts.libvirt import SshAnswers
from minetlab.operations import guest_waits, guests as operations, shell
from minetlab.operations.commands import attempt
from minetlab.resources.boots import Boots, boot_limit, boots_at_once
from minetlab.resources.kvm import KvmObserved
from tests.support.fake_host import run_operation
from tests.support.guests import LAB, SETTINGS, guests
from tests.support.kvm_host import EMPTY, FAILED, IDLE, KVM, SSH, STATE, WORKING, steps_of, times


@pytest.fixture
def order(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The guests that are started and those that are then seen to answer, in turn."""
    seen: list[str] = []

    def attempted(state: Any, host: Any, command: Any, failures: list[str]) -> bool:
        scripts = base64.b64decode(command.connector_arguments["_stdin"]).decode().split("\0")
        seen.extend(f"start {step[1]}" for script in scripts for step in steps_of(script))
        return attempt(state, host, command, failures)

    def answered(self: SshAnswers, output: list[str]) -> frozenset[str]:
        seen.append("look")
        return frozenset(output)

    monkeypatch.setattr(guest_waits, "attempt", attempted)
    monkeypatch.setattr(SshAnswers, "process", answered)
    return seen


@pytest.mark.parametrize(
    ("kvm", "idle", "at_once", "expected"),
    [
        (["emulated yes", *WORKING], 4, None, "1 look 2 look 3"),
        (["vendor X"], 2, None, "1 2 look 3"),
        (["vendor X"], 3, None, "1 2 3"),
        (["vendor X"], 0, None, "1 look 2 look 3"),
        (WORKING, 2, None, "1 2 3"),
        (WORKING, 1, None, "1 2 look 3"),
        (["vendor X"], 1, 3, "1 2 3"),
        (WORKING, 64, 1, "1 look 2 look 3"),
    ],
)
def test_as_many_guests_boot_at_once_as_the_host_carries(
    kvm: list[str], idle: int, at_once: int | None, expected: str, order: list[str]
) -> None:
    settings = SETTINGS.model_copy(update={"boots_at_once": at_once})
    three = guests(3)
    responses = {STATE: EMPTY, KVM: kvm, SSH: [str(each.address.ip) for each in three]}
    responses |= {FAILED: [], IDLE: times(idle)}
    arguments: dict[str, Any] = {"settings": settings, "guests": three, "require_kvm": False}
    assert not run_operation(operations.run, responses, lab=LAB, **arguments).failed
    starts = {f"start {each.name}": str(number) for number, each in enumerate(three, 1)}
    assert " ".join(starts.get(each, each) for each in order) == expected


def test_one_that_ends_at_once_gives_its_place_to_the_next(order: list[str]) -> None:
    settings = SETTINGS.model_copy(update={"boots_at_once": 1})
    arguments: dict[str, Any] = {"settings": settings, "guests": guests(2), "require_kvm": False}
    run_operation(
        operations.run,
        {STATE: EMPTY, KVM: WORKING, SSH: ["-"], FAILED: ["broken minet-s0"]},
        lab=LAB,
        **arguments,
    )
    assert order == ["start minet-s0", "look", "start minet-s1"]


def test_one_that_never_answers_gives_its_place_to_the_next() -> None:
    turns = Boots({name: name for name in "abc"}, at_once=2, limit=30)
    assert turns.due(0) == ("a", "b")
    assert turns.due(10) == ()
    turns.done(["b"])
    assert (turns.due(10), turns.waiting) == (("c",), [])
    stuck = Boots({name: name for name in "abc"}, at_once=2, limit=30)
    stuck.due(0)
    assert stuck.due(10.1) == ("c",)


def test_the_first_guest_is_made_alone_and_the_others_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[list[str]] = []

    def side_by_side(steps: Any) -> Any:
        each = list(steps)
        made.append([word for commands in each for words in commands for word in words if word == "define"])
        return shell.virsh_side_by_side(each)

    monkeypatch.setattr(operations, "virsh_side_by_side", side_by_side)
    arguments: dict[str, Any] = {"settings": SETTINGS, "guests": guests(4), "require_kvm": False}
    responses = {STATE: EMPTY, KVM: WORKING, SSH: ["-"], FAILED: [], IDLE: times(64)}
    assert not run_operation(operations.run, responses, lab=LAB, **arguments).failed
    assert [len(each) for each in made if each] == [1, 3]


def test_a_guest_holds_its_place_for_a_third_of_the_limit_and_no_longer() -> None:
    turns = Boots(dict.fromkeys("abcde", "10.0.0.1"), at_once=2, limit=30)
    assert turns.due(100) == ("a", "b")
    turns.done(["a"])
    assert turns.due(104) == ("c",)
    assert turns.due(110) == ()  # b has had ten seconds, c six
    assert turns.due(110.5) == ("d",)
    assert turns.due(114) == ()
    assert turns.due(114.5) == ("e",)
    assert turns.waiting == []
    assert turns.due(200) == ()


def test_who_waits_and_who_boots_can_be_seen() -> None:
    turns = Boots({"a": "10.0.0.1", "b": "10.0.0.2", "c": "10.0.0.3"}, at_once=1, limit=30)
    assert (turns.waiting, turns.booting, str(turns)) == (
        ["a", "b", "c"],
        {},
        "0 of 3 are started, 1 boot at once",
    )
    turns.due(0)
    assert (turns.waiting, turns.booting) == (["b", "c"], {"a": "10.0.0.1"})
    assert str(turns) == "1 of 3 are started, 1 boot at once"
    turns.done(["a", "c"])
    turns.due(1)
    assert (turns.booting, str(turns)) == ({"b": "10.0.0.2"}, "2 of 3 are started, 1 boot at once")


def test_fewer_places_than_booting_guests_start_nobody() -> None:
    turns = Boots(dict.fromkeys("abcd", "10.0.0.1"), at_once=3, limit=30)
    turns.due(0)
    turns.at_once = 1
    assert turns.due(1) == ()
    turns.done("ab")
    assert turns.due(1) == ()
    turns.done("c")
    assert turns.due(1) == ("d",)


@pytest.mark.parametrize(("idle", "with_kvm"), [(0, 1), (0.4, 1), (1, 2), (1.6, 4), (3, 6), (7, 14)])
def test_an_idle_processor_carries_two_boots_with_kvm_and_one_without(idle: float, with_kvm: int) -> None:
    assert boots_at_once(KvmObserved(loaded=True, device=True), idle) == with_kvm
    assert boots_at_once(KvmObserved(loaded=True), idle) == max(round(idle), 1)


@pytest.mark.parametrize(
    ("works", "emulated", "limit"),
    [(True, False, 300), (True, True, 900), (False, False, 900), (False, True, 900)],
)
def test_whatever_is_emulated_may_take_three_times_as_long(works: bool, emulated: bool, limit: int) -> None:
    assert boot_limit(KvmObserved(loaded=works, device=works, emulated=emulated)) == limit
