"""Time a command, within a limit; its children end with it, and an error shows the end of its output."""

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

MAX_SHOWN = 1500
"""How many characters of a failed command's output an error shows."""


def timed(command: Command, limit: float) -> float:
    """Run a command, and measure how long it takes.

    :param command: the command.
    :param limit: the seconds that it may take.
    :return: the seconds that it took.
    :raises LabError: it failed, or took longer; with the end of its output.
    """
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = _start(command, output)
        timer = threading.Timer(limit, _end, [process])
        timer.start()
        try:
            succeeded = _await(process, command, output)
            seconds = time.perf_counter() - start
        finally:
            timer.cancel()
            _end(process)
        output.seek(0)
        text = output.read().decode(errors="replace").strip()
    if not succeeded:
        problem = f"not done within {limit:.0f} s" if seconds >= limit else f"status {process.returncode}"
    elif command.says and not re.search(command.says, text):
        problem = f"it does not say {command.says!r}"
    else:
        return seconds
    raise LabError(f"{problem}: {text[-MAX_SHOWN:]}", next_step="run its command by hand")


def _start(command: Command, output: IO[bytes]) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(
            command.words,
            cwd=PROJECT_ROOT,
            env={**os.environ, "LC_ALL": "C.UTF-8", **(command.environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if command.until else output,
            stderr=output,
            start_new_session=True,  # so that its children can be ended with it
        )
    except OSError as error:
        raise LabError(f"cannot be run: {error}", next_step="see whether it is installed") from error


def settle(most: float = 0.2, limit: float = 10.0) -> None:
    """Wait until the machine's processors are idle, as machines that were made before may still be starting.

    :param most: the share of half a second that the processors may work to count as idle.
    :param limit: the seconds after which it goes on anyway, as others may use the machine.
    """
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        before = processors.times()
        time.sleep(0.5)
        if processors.busy(before, processors.times()) <= most:
            return


def _await(process: "subprocess.Popen[bytes]", command: Command, output: IO[bytes]) -> bool:
    """Wait until the clock has to stop; return whether the command ended well, or printed what it should."""
    if command.until is None:
        return process.wait() == 0
    assert process.stdout is not None
    remaining = command.times
    for line in process.stdout:
        output.write(line)
        remaining -= command.until.encode() in line
        if not remaining:
            return True
    process.wait()
    return False


def _end(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
