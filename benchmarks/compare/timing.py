"""Run a command and stop the clock: bounded, ended with its children, its last words in the error."""

import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from typing import IO

from benchmarks.compare.contestant import Command
from minetlab.util import processors
from minetlab.util.errors import LabError
from minetlab.util.paths import PROJECT_ROOT

LAST_WORDS = 1500
"""Characters of a failed command's output that are kept."""


def timed(command: Command, limit: float) -> float:
    """Run a command; returns the seconds that it took.

    :param limit: seconds that it may take.
    :raises LabError: it failed, or took longer; with the end of what it said.
    """
    with tempfile.TemporaryFile() as said:
        start = time.perf_counter()
        process = _start(command, said)
        timer = threading.Timer(limit, _end, [process])
        timer.start()
        try:
            came = _await(process, command, said)
            took = time.perf_counter() - start
        finally:
            timer.cancel()
            _end(process)
        said.seek(0)
        words = said.read().decode(errors="replace").strip()
    if not came:
        what = f"not done within {limit:.0f} s" if took >= limit else f"status {process.returncode}"
    elif command.says and not re.search(command.says, words):
        what = f"it does not say {command.says!r}"
    else:
        return took
    raise LabError(f"{what}: {words[-LAST_WORDS:]}", next_step="run its command by hand")


def _start(command: Command, said: IO[bytes]) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(
            command.words,
            cwd=PROJECT_ROOT,
            env={**os.environ, "LC_ALL": "C.UTF-8", **(command.environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if command.until else said,
            stderr=said,
            start_new_session=True,  # so that its children end with it
        )
    except OSError as error:
        raise LabError(f"cannot be run: {error}", next_step="see whether it is installed") from error


def settle(most: float = 0.2, limit: float = 10.0) -> None:
    """Wait until the machine's processors are idle, as what was made before may still be busy with its start.

    :param most: share of their time that they may be at work, in half a second.
    :param limit: seconds after which it is waited no longer: others may use the machine.
    """
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        before = processors.times()
        time.sleep(0.5)
        if processors.busy(before, processors.times()) <= most:
            return


def _await(process: "subprocess.Popen[bytes]", command: Command, said: IO[bytes]) -> bool:
    """Wait until it is done; whether it did what it should."""
    if command.until is None:
        return process.wait() == 0
    assert process.stdout is not None
    left = command.times
    for line in process.stdout:
        said.write(line)
        left -= command.until.encode() in line
        if not left:
            return True
    process.wait()
    return False


def _end(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
