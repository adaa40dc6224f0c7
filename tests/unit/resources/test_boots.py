"""How many guests boot at once, and whose turn it is, on a host that answers from a script."""

import base64
from typing import Any

import pytest

from minetlab.facts.libvirt import SshAnswers
from minetlab.operations import guest_waits, shell
from minetlab.operations import guests as operations
from minetlab.operations.commands import attempt
from minetlab.resources.boots import Boots
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
    assert (turns.due(10), turns.waiting) == (("c",), 0)
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
