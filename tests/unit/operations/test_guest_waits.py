"""What is said of a wait, whatever the size of the class: one line, and few words where it fails."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from minetlab.facts.libvirt import ActiveDomains, FailedBoots, SshAnswers
from minetlab.lab import GuestSize
from minetlab.operations import guest_waits, guests as operations
from minetlab.util import progress
from tests.support.fake_host import Run, run_operation
from tests.support.guests import LAB, SETTINGS, answer, guests
from tests.support.kvm_host import EMPTY, FAILED, IDLE, KVM, RUNNING, SSH, STATE, WORKING, times

CLASS = guests(40)
NAMES = [guest.name for guest in CLASS]
ADDRESSES = [str(guest.address.ip) for guest in CLASS]
FIVE = ", ".join(NAMES[:5])
A_LINE = 100


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look again at once, and say each time what is seen."""
    monkeypatch.setattr(guest_waits, "GUEST_POLL_INTERVAL", 0)
    monkeypatch.setattr(progress, "HEARTBEAT_INTERVAL", 0)


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level("INFO"):
        yield caplog


def ready(ssh: list[str], failed: list[str]) -> Run:
    return run_operation(operations.wait, {SSH: ssh, FAILED: failed, KVM: WORKING}, lab=LAB, guests=CLASS)


def lines(said: pytest.LogCaptureFixture, word: str) -> list[str]:
    return [line for line in said.text.splitlines() if word in line]


def test_progress_is_one_line_and_one_look_asks_twice(
    monkeypatch: pytest.MonkeyPatch, said: pytest.LogCaptureFixture
) -> None:
    looks = iter([[], ADDRESSES[:7], ADDRESSES])
    monkeypatch.setattr(SshAnswers, "process", lambda self, output: frozenset(next(looks)))
    run = ready(ADDRESSES, [])
    assert (run.failed, run.changed) == (False, False)
    assert sum(FAILED in command for command in run.commands) == 2
    first, second = (line.partition("] ")[2] for line in lines(said, "guests boot"))
    assert first.startswith(f"guests boot: 0 of 40 answer; slowest: {NAMES[0]}, {NAMES[1]}, ")
    assert second.startswith(f"guests boot: 7 of 40 answer; slowest: {NAMES[7]}, {NAMES[8]} ")
    (last,) = (line.partition("] ")[2] for line in lines(said, "SSH answers at"))
    assert last.startswith(f"SSH answers at {NAMES[0]}, {NAMES[1]}, ")
    assert max(map(len, (first, second, last))) <= A_LINE


def test_so_is_that_of_a_shutdown(monkeypatch: pytest.MonkeyPatch, said: pytest.LogCaptureFixture) -> None:
    looks = iter([NAMES, NAMES[30:], []])
    monkeypatch.setattr(ActiveDomains, "process", lambda self, output: frozenset(next(looks)))
    settings = SETTINGS.model_copy(update={"guest": GuestSize(memory=1024, disk=4)})
    run = run_operation(
        operations.run,
        {STATE: answer(40), KVM: WORKING, RUNNING: NAMES, IDLE: times(64)},
        lab=LAB,
        settings=settings,
        guests=CLASS,
        require_kvm=False,
    )
    assert not run.failed
    assert lines(said, "shut down and started anew")[0].endswith(f"{FIVE} and 35 more")
    first, second = (line.partition("] ")[2] for line in lines(said, "guests shut down"))
    assert first.startswith(f"guests shut down: 0 of 40 are off; slowest: {NAMES[0]}, ")
    assert second.startswith(f"guests shut down: 30 of 40 are off; slowest: {NAMES[30]}, ")
    assert max(map(len, (first, second))) <= A_LINE


def test_of_two_the_one_that_is_waited_for_is_named(
    monkeypatch: pytest.MonkeyPatch, said: pytest.LogCaptureFixture
) -> None:
    looks = iter([ADDRESSES[:1], ADDRESSES[:2]])
    monkeypatch.setattr(SshAnswers, "process", lambda self, output: frozenset(next(looks)))
    responses = {SSH: ADDRESSES, FAILED: [], KVM: WORKING}
    assert run_operation(operations.wait, responses, lab=LAB, guests=CLASS[:2]).idle
    assert f"guests boot: 1 of 2 answer; slowest: {NAMES[1]} (" in said.text


def test_the_power_of_guests_that_do_not_shut_down_in_time_is_cut(
    monkeypatch: pytest.MonkeyPatch, said: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(guest_waits, "GUEST_SHUTDOWN_LIMIT", -1)
    looks = iter([NAMES[:2]])  # one look is enough
    monkeypatch.setattr(ActiveDomains, "process", lambda self, output: frozenset(next(looks)))
    size = GuestSize(memory=1024, disk=4)
    run = started(2, answer(2), settings={"guest": size}, answers={RUNNING: NAMES[:2]})
    assert (run.changed, run.failed) == (True, False)
    assert f"not off after -1 s, their power is cut: {NAMES[0]}, {NAMES[1]}" in said.text
    ended = [
        command for command in run.commands if " destroy " in command or command.startswith("virsh destroy")
    ]
    assert len(ended) == 2


def test_guests_that_are_off_in_time_keep_their_power(said: pytest.LogCaptureFixture) -> None:
    run = started(2, answer(2), settings={"guest": GuestSize(memory=1024, disk=4)}, answers={RUNNING: []})
    assert (run.changed, run.failed) == (True, False)
    assert not [command for command in run.commands if "destroy" in command]


def test_a_console_cannot_control_the_terminal(said: pytest.LogCaptureFixture) -> None:
    console = {"tail -n": ["@/console", " \x1b[2Jhello\x07", " \x1b[32mOK\x1b[0m\r\r", " hv1: all is well"]}
    responses = {SSH: ["-"], FAILED: [f"off {NAMES[0]}"], KVM: WORKING, **console}
    assert not run_operation(operations.wait, responses, lab=LAB, guests=CLASS[:1]).failed
    assert "the end of /console:\n    ␛[2Jhello␇\n    OK\n    hv1: all is well\n" in said.text


def started(
    number: int,
    lines: list[str],
    *,
    settings: dict[str, Any] | None = None,
    hosts: int = 1,
    answers: dict[str, Any] | None = None,
) -> Run:
    """Make so many guests on a host that says this."""
    responses = {STATE: lines, KVM: WORKING, IDLE: times(64), SSH: ["-"], FAILED: [], **(answers or {})}
    return run_operation(
        operations.run,
        responses,
        hosts=hosts,
        lab=LAB,
        settings=SETTINGS.model_copy(update=settings or {}),
        guests=CLASS[:number],
        require_kvm=False,
    )


def boots_of(run: Run) -> list[list[str]]:
    """The guests that were started at once, each time."""
    found = []
    for command in run.commands:
        names = re.findall(r"(?:^|virsh )start (\S+)$", command)
        found += [names] if names else []
    return found


def test_the_next_guest_starts_when_another_answers_or_fails(
    monkeypatch: pytest.MonkeyPatch, said: pytest.LogCaptureFixture
) -> None:
    looks = iter([[], ADDRESSES[:1], [], [], ADDRESSES[2:3]])
    failed = iter([{}, {}, {NAMES[1]: "off"}])  # where all that boot answer, nobody asks
    monkeypatch.setattr(SshAnswers, "process", lambda self, output: frozenset(next(looks)))
    monkeypatch.setattr(FailedBoots, "process", lambda self, output: next(failed))
    run = started(4, EMPTY, settings={"boots_at_once": 1}, answers={FAILED: ["-"]})
    assert not run.failed
    assert boots_of(run) == [[name] for name in NAMES[:4]]
    assert not [command for command in run.commands if command.startswith("nproc")]
    assert (next(looks, None), next(failed, None)) == (None, None)
    assert "guests start: 1 of 4 are started, 1 boot at once" in said.text


def test_an_emulated_host_starts_one_guest_at_a_time_and_is_not_asked_for_more() -> None:
    run = started(3, EMPTY, answers={KVM: [*WORKING, "emulated yes"], SSH: ADDRESSES[:3]})
    assert [name for names in boots_of(run) for name in names] == NAMES[:3]
    assert sum("/dev/tcp" in command for command in run.commands) == 2
    assert not [command for command in run.commands if command.startswith("nproc")]


def test_for_one_guest_no_processor_is_looked_at_but_for_two() -> None:
    for number, looks in ((1, 0), (2, 1)):
        run = started(number, EMPTY)
        assert sum(command.startswith("nproc") for command in run.commands) == looks


@pytest.mark.parametrize("hosts", [1, 2])
def test_a_host_that_is_lost_while_guests_start_fails(hosts: int, said: pytest.LogCaptureFixture) -> None:
    run = started(3, EMPTY, settings={"boots_at_once": 1}, hosts=hosts, answers={SSH: {"success": False}})
    assert run.failed
    assert len(boots_of(run)) == 1
    assert "the host itself does not answer any more" in said.text


def test_guests_that_fail_are_told_apart_by_why(
    said: pytest.LogCaptureFixture,
) -> None:
    failed = [f"broken {NAMES[0]}", f"off {NAMES[1]}", f"late {NAMES[2]}"]
    responses = {SSH: ["-"], FAILED: failed, KVM: WORKING}
    assert not run_operation(operations.wait, responses, lab=LAB, guests=CLASS[:3]).failed
    assert (
        f"guests are not running: {NAMES[1]}; guests cannot boot, as their consoles say: {NAMES[0]}; "
        f"guests do not answer SSH: {NAMES[2]}"
    ) in said.text
    login = CLASS[1].student.login
    assert (
        f"./lab console {login}; or make it anew, which loses what is in it: ./lab reset {login}" in said.text
    )


def test_of_many_that_do_not_come_up_a_few_consoles_are_shown(said: pytest.LogCaptureFixture) -> None:
    run = ready([], [f"off {name}" for name in NAMES])
    assert not run.failed
    (shown,) = (command for command in run.commands if "tail -n" in command)
    assert shown.count("/consoles/") == guest_waits.CONSOLES
    (error,) = lines(said, "are not running")
    assert error.endswith(f": {FIVE} and 35 more")
