"""Who holds a host's lock: of this machine, by real flock(1), and from what a host prints."""

import subprocess
import time
from pathlib import Path

import pytest

from minetlab.facts.lock import LockHolder
from minetlab.resources.lock import Holder

HOLDER = Holder("r1", "eve@admin", "minet")
SOMEBODY = Holder(run="", by="somebody", lab="?")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "the lock"


def holding(path: Path, after: float = 0) -> "subprocess.Popen[bytes]":
    """A process that takes the lock after so many seconds, until its standard input ends."""
    script = 'sleep "$2"; exec 9<>"$1"; flock 9; printf "%s\\n" $$ "$3" >"$1"; cat'
    command = ["sh", "-c", script, "sh", str(path), str(after), HOLDER.line]
    return subprocess.Popen(command, stdin=subprocess.PIPE)


def seen(path: Path, run: str = "") -> Holder | None:
    command = LockHolder().command(str(path), run)
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    return LockHolder().process(done.stdout.splitlines())


def test_a_lock_that_nobody_has_taken_is_free(path: Path) -> None:
    assert LockHolder().default() is None
    assert seen(path) is None


def test_a_run_is_waited_for_until_it_holds_the_lock_which_is_free_once_it_has_ended(path: Path) -> None:
    with holding(path, after=0.3) as process:
        began = time.monotonic()
        assert seen(path) is None
        holder = seen(path, "r1")
        took = time.monotonic() - began
        assert holder
        assert (holder.run, holder.by, holder.lab) == ("r1", "eve@admin", "minet")
        assert holder.seconds <= took + 1
        assert seen(path) is not None
        process.communicate()
    assert path.exists()
    assert seen(path) is None


@pytest.mark.parametrize("output", [[], [""], ["12", HOLDER.line]])
def test_a_lock_that_is_not_held_has_no_holder(output: list[str]) -> None:
    assert LockHolder().process(output) is None


def test_the_holder_is_who_wrote_the_file_and_the_time_is_the_hosts() -> None:
    assert LockHolder().process(["held", "42", HOLDER.line]) == Holder("r1", "eve@admin", "minet", 42)
    assert LockHolder().process(["held", "7", HOLDER.line, "more"]) == Holder("r1", "eve@admin", "minet", 7)


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["42"],
        ["much", HOLDER.line],
        ["42", "{"],
        ["42", "[]"],
        ["42", '{"run": "r1"}'],
        ["42", '{"age": 1}'],
    ],
)
def test_whoever_has_not_yet_written_who_they_are_is_somebody(lines: list[str]) -> None:
    assert LockHolder().process(["held", *lines]) == SOMEBODY
