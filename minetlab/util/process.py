"""Run one program: bounded, killed with its children when we are interrupted, its last words in the error."""

import atexit
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO

from minetlab.util.errors import LabError
from minetlab.util.progress import Heartbeat, Progress

TAIL_LINES = 20


def run(command: Sequence[str], *, env: Mapping[str, str] | None = None, limit: float = 300) -> str:
    """Run a quick program and return its standard output.

    :param env: variables to add to ours.
    :param limit: seconds it may take.
    :raises LabError: it is missing, failed, or took too long.
    """
    try:
        done = subprocess.run(
            command, env=_environment(env), capture_output=True, text=True, timeout=limit, check=False
        )
    except FileNotFoundError as error:
        raise _missing(command[0]) from error
    except subprocess.TimeoutExpired as error:
        raise LabError(
            f"{command[0]} did not end within {limit:.0f} s",
            next_step="see whether the machine is overloaded",
        ) from error
    if done.returncode:
        raise LabError(
            f"{' '.join(command)} failed with status {done.returncode}: {done.stderr.strip()}",
            next_step="fix the error above, then run the same command again",
        )
    return done.stdout


def run_logged(
    command: Sequence[str],
    log: Path,
    what: str,
    progress: Progress,
    *,
    env: Mapping[str, str] | None = None,
    limit: float = 1800,
) -> None:
    """Run a long program with its output in ``log``, and a line of progress every ten seconds.

    :param what: what it does, in messages.
    :param env: variables to add to ours.
    :param limit: seconds it may take.
    :raises LabError: it is missing, failed or took too long; carries the end of its output.
    """
    with log.open("ab") as output:
        process = _start(command, output, env)
        with at_the_latest_on_exit(partial(_kill, process)):
            status = _wait(process, what, progress, limit)
    if status:
        raise LabError(
            f"{what} failed (status {status}); the end of {log}:\n{tail(log)}",
            next_step="fix the error above, then run the same command again",
        )


@contextmanager
def at_the_latest_on_exit(clean_up: Callable[[], None]) -> Iterator[None]:
    """Run ``clean_up`` after the block, or at exit: an interrupted pyinfra drops its greenlets."""
    atexit.register(clean_up)
    try:
        yield
    finally:
        atexit.unregister(clean_up)
        clean_up()


def tail(log: Path, lines: int = TAIL_LINES) -> str:
    """The last lines of a file that a program writes, indented, without control characters."""
    with log.open("rb") as handle:
        handle.seek(max(0, log.stat().st_size - 16384))
        text = handle.read().decode(errors="replace").replace("\r", "\n")
    clean = ("".join(c for c in line if c.isprintable()).rstrip() for line in text.splitlines())
    return "\n".join(f"    {line}" for line in [line for line in clean if line][-lines:])


def _start(
    command: Sequence[str], output: IO[bytes], env: Mapping[str, str] | None
) -> "subprocess.Popen[bytes]":
    try:
        # A session of its own, so that Ctrl-C reaches it once, from us, and its children with it.
        return subprocess.Popen(
            command,
            env=_environment(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise _missing(command[0]) from error


def _wait(process: "subprocess.Popen[bytes]", what: str, progress: Progress, limit: float) -> int:
    heartbeat = Heartbeat(what, progress)
    while (status := process.poll()) is None:
        if heartbeat.elapsed > limit:
            raise LabError(
                f"{what} did not end within {limit:.0f} s",
                next_step="see whether the machine is overloaded or its package mirror slow",
            )
        heartbeat.beat()
        time.sleep(0.05)
    return status


def _kill(process: "subprocess.Popen[bytes]") -> None:
    for number, grace in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
        if process.poll() is None:
            os.killpg(process.pid, number)
            try:
                process.wait(grace)
            except subprocess.TimeoutExpired:
                continue


def _environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C.UTF-8", **(extra or {})}


def _missing(program: str) -> LabError:
    return LabError(f"{program} is not installed", next_step="run ./lab, which installs what is missing")
