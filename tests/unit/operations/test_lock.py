"""The host's lock, taken and broken on a host that answers from a script."""

import re
from datetime import datetime, timedelta
from typing import NoReturn

import pytest
from paramiko import SSHException

from minetlab.operations import lock
from minetlab.resources.lock import Holder
from tests.support.fake_host import run_operation

HELD, ASKED = "while echo held", "flock --nonblock"
OURS = Holder("0123456789abcdef", "eve@admin", "minet")
THEIRS = Holder("b0b", "bob@laptop", "other")


@pytest.fixture(autouse=True)
def ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of our run, which is a random one, is known; and nobody waits."""
    monkeypatch.setattr(lock, "token_hex", lambda number: OURS.run[: 2 * number])
    monkeypatch.setattr(lock, "PATIENCE", 0.1)


def test_a_free_lock_is_taken_once_and_that_is_no_change() -> None:
    answers = {HELD: "held", ASKED: ["held", "0", OURS.line]}
    run = run_operation(lock.take, answers, lab="minet", path="/run/a lock")
    assert (len(run.commands), run.idle) == (2, True)
    (held,) = (command for command in run.commands if HELD in command)
    assert "exec 9<>'/run/a lock'" in held
    assert OURS.run in held


@pytest.mark.parametrize("run", ["b0b", "f00"])
def test_a_run_that_holds_the_lock_is_named_with_its_time(run: str, caplog: pytest.LogCaptureFixture) -> None:
    since = (datetime.now() - timedelta(seconds=7500)).strftime("%H:%M")
    theirs = Holder(run, THEIRS.by, THEIRS.lab)
    refused = run_operation(lock.take, {HELD: "", ASKED: ["held", "7500", theirs.line]}, lab="minet")
    assert (refused.failed, refused.noops) == (True, ())
    (said,) = re.findall("bob@laptop has been .*", caplog.text)
    later = (datetime.now() - timedelta(seconds=7500)).strftime("%H:%M")
    assert said in {
        f"bob@laptop has been deploying lab other since {when} (125 min)" for when in (since, later)
    }
    assert "./lab unlock" in caplog.text


def test_why_a_lock_cannot_be_taken_is_said(caplog: pytest.LogCaptureFixture) -> None:
    denied = {"success": False, "stdout": ["so"], "stderr": ["flock: Permission denied"]}
    assert run_operation(lock.take, {HELD: denied}, lab="minet").failed
    assert "its lock /run/minet-lab.lock cannot be taken: flock: Permission denied" in caplog.text


def test_a_connection_that_is_lost_while_the_lock_is_taken_is_not_taken_for_a_lack_of_rights(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Lost(list[str]):
        def __iter__(self) -> NoReturn:
            raise SSHException

    assert run_operation(lock.take, {HELD: Lost([""])}, lab="minet").failed
    assert "does not answer any more, so its lock /run/minet-lab.lock cannot be taken" in caplog.text
    assert "log in as root" not in caplog.text


def test_a_lock_that_nobody_holds_is_not_broken() -> None:
    run = run_operation(lock.remove, {})
    assert (len(run.commands), run.idle) == (1, True)


def test_breaking_a_lock_names_whose_it_was(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="pyinfra")
    run = run_operation(lock.remove, {ASKED: ["held", "60", THEIRS.line]}, path="/run/a lock")
    assert (run.changed, run.failed, run.noops) == (True, False, ())
    assert run.commands[1].startswith("kill $(head --lines=1 '/run/a lock')")
    assert "bob@laptop has been deploying lab other since" in caplog.text
