"""The lock on a host: taken, refused, broken, and gone with the run that had it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from minetlab.facts.lock import LockHolder
from minetlab.operations import lock
from minetlab.resources.lock import Holder
from minetlab.util.paths import PROJECT_ROOT
from tests.support.fake_host import run_operation

HELD, ASKED = "while echo held", "flock --nonblock"
BOB = Holder(run="b0b", by="bob@laptop", lab="minet")


def test_what_the_host_says_of_the_lock() -> None:
    assert LockHolder().process([]) is None
    assert LockHolder().process(["held", "125", BOB.line]) == Holder("b0b", "bob@laptop", "minet", 125)
    for nothing in (["held"], ["held", "1"], ["held", "1", ""], ["held", "1", "{}"], ["held", "", BOB.line]):
        assert LockHolder().process(nothing) == Holder(run="", by="somebody", lab="?")


def test_taking_it_costs_two_commands_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "token_hex", lambda _: BOB.run)
    run = run_operation(lock.take, {HELD: "held", ASKED: ["held", "0", BOB.line]}, lab="minet")
    assert (len(run.commands), run.changed) == (2, False)


def test_the_second_is_told_who_and_since_when() -> None:
    said = ["held", "125", BOB.line]
    answers = {HELD: {"success": False}, ASKED: said}
    run = run_operation(lock.take, answers, lab="other")
    assert (run.failed, len(run.commands)) == (True, 2)
    assert "bob@laptop has been deploying lab minet since" in lock._described(BOB)


def test_a_lock_that_cannot_be_taken_fails_the_host() -> None:
    assert run_operation(lock.take, {HELD: {"success": False, "stderr": "Permission denied"}}, lab="m").failed


def test_breaking_it_ends_its_holder_and_is_no_change_where_nobody_has_it() -> None:
    run = run_operation(lock.remove, {ASKED: ["held", "9", BOB.line]})
    assert run.changed
    assert run.sent("kill $(head --lines=1 /run/minet-lab.lock)")
    assert not run_operation(lock.remove, {}).changed


DEPLOY = """
import os
from pyinfra.operations import server
from minetlab.operations import lock

lock.take(name="Take the lock", lab="minet", path={path!r})
lock.take(name="Take it in an included deploy", lab="minet", path={path!r})
if os.environ.get("WORK"):
    until = "timeout 60 sh -c 'until [ -e {path}.go ]; do sleep 0.1; done'"
    server.shell(name="Work until told to go on", commands=[until])
    server.shell(name="Work on", commands=["touch {path}.done"])
"""
UNLOCK = """
from minetlab.operations import lock

lock.remove(name="Break it", path={path!r})
"""
FAILING = """
from pyinfra.operations import server
from minetlab.operations import lock

lock.take(name="Take the lock", lab="minet", path={path!r})
server.shell(name="Ignore this", commands=["false"], _ignore_errors=True)
server.shell(name="Fail", commands=["echo no room left >&2; exit 7"])
server.shell(name="Work on", commands=["touch {path}.done"])
"""


class Admins:
    """Runs of pyinfra against this machine, which its ``@local`` connector makes a host."""

    def __init__(self, folder: Path) -> None:
        self.lock = folder / "lock"
        self.go = folder / "lock.go"
        self.done = folder / "lock.done"
        deploys = {"deploy.py": DEPLOY, "unlock.py": UNLOCK, "failing.py": FAILING}
        for name, text in deploys.items():
            (folder / name).write_text(text.format(path=str(self.lock)))
        self.folder = folder

    def start(
        self, deploy: str = "deploy.py", work: bool = False, options: tuple[str, ...] = ()
    ) -> subprocess.Popen[str]:
        """Begin a run; one that works has the lock when this returns, and goes on when told so."""
        command = [sys.executable, "-m", "pyinfra", "-y", *options, "@local", str(self.folder / deploy)]
        run = subprocess.Popen(
            command,
            cwd=PROJECT_ROOT,
            env={**os.environ, "WORK": "yes" if work else ""},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        end = time.monotonic() + 60
        while work and not self.held:
            assert time.monotonic() < end, "the lock was not taken"
            time.sleep(0.1)
        return run

    def run(self, deploy: str = "deploy.py", options: tuple[str, ...] = ()) -> tuple[int, str]:
        """One whole run: its exit status, and what it said."""
        run = self.start(deploy, options=options)
        output, _ = run.communicate(timeout=60)
        return run.returncode, output

    @property
    def held(self) -> bool:
        """Whether somebody has the lock, and says who."""
        command = ["flock", "--nonblock", str(self.lock), "true"]
        return self.lock.exists() and self.lock.stat().st_size > 0 and subprocess.call(command) != 0


@pytest.fixture
def admins(tmp_path: Path) -> Admins:
    return Admins(tmp_path)


def test_of_two_runs_the_second_is_refused_and_the_first_goes_on(admins: Admins) -> None:
    admins.lock.touch(mode=0o644)
    first = admins.start(work=True)
    # Else any account of the host could take the lock.
    assert admins.lock.stat().st_mode & 0o777 == 0o600
    status, said = admins.run()
    assert status == 1
    assert "has been deploying lab minet since" in said
    assert "./lab unlock" in said
    assert not admins.done.exists()
    admins.go.touch()
    assert first.wait(60) == 0
    assert admins.done.exists()
    assert admins.run()[0] == 0


def test_a_killed_run_leaves_no_lock(admins: Admins) -> None:
    first = admins.start(work=True)
    first.send_signal(signal.SIGKILL)
    first.wait(10)
    assert admins.run()[0] == 0


@pytest.mark.parametrize("options", [(), ("--no-wait",)], ids=["waits", "no-wait"])
def test_a_run_whose_lock_is_broken_does_nothing_more(admins: Admins, options: tuple[str, ...]) -> None:
    first = admins.start(work=True, options=options)
    status, said = admins.run("unlock.py")
    assert status == 0
    assert "has been deploying" in said
    assert first.stdout
    assert any("this run has lost the host's lock" in line for line in first.stdout)
    admins.go.touch()
    first.communicate(timeout=60)
    assert first.returncode == 1
    assert not admins.done.exists()


@pytest.mark.parametrize("options", [(), ("--no-wait",)], ids=["waits", "no-wait"])
def test_a_run_in_which_a_host_fails_has_failed_and_says_why_once(
    admins: Admins, options: tuple[str, ...]
) -> None:
    status, said = admins.run("failing.py", options)
    assert status == 1
    assert said.count("no room left") == 1
    assert "Traceback" not in said
    assert not admins.done.exists()
