"""What is said of a wait, whatever the size of the class: one line, and few words where it fails."""

from collections.abc import Iterator

import pytest

from minetlab.facts.libvirt import ActiveDomains, SshAnswers
from minetlab.lab import GuestSize
from minetlab.operations import guest_waits
from minetlab.operations import guests as operations
from minetlab.util import progress
from tests.support.fake_host import Run, run_operation
from tests.support.guests import LAB, SETTINGS, answer, guests
from tests.support.kvm_host import FAILED, IDLE, KVM, RUNNING, SSH, STATE, WORKING, times

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


def test_of_many_that_do_not_come_up_a_few_consoles_are_shown(said: pytest.LogCaptureFixture) -> None:
    run = ready([], [f"off {name}" for name in NAMES])
    assert run.failed
    (shown,) = (command for command in run.commands if "tail -n" in command)
    assert shown.count("/consoles/") == guest_waits.CONSOLES
    (error,) = lines(said, "are not running")
    assert error.endswith(f": {FIVE} and 35 more")
