"""The one place that starts programs: each is bounded, ends with us, and its last words are in the error."""

import atexit
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import IO, Any, NoReturn

from minetlab.util.errors import LabError
from minetlab.util.progress import Heartbeat, Progress

Process = subprocess.Popen[bytes]
PIPE = subprocess.PIPE
TAIL_LINES = 20
MOST = 64 * 2**20
"""Bytes that a program may print. All of libvirt's XML for a class of three hundred is some two million."""
MOST_ERRORS = 2**20
"""Bytes that are taken of what a program prints to standard error."""
BLOCK = 2**16


class TooMuchError(Exception):
    """A program printed more than it may."""


@dataclass(frozen=True)
class Ended:
    """How a program ended.

    :param status: its exit status; negative: the number of the signal that ended it.
    :param output: what it printed.
    :param errors: what it printed to standard error; empty where that is among the output.
    """

    status: int
    output: str
    errors: str


def run(command: Sequence[str], *, env: Mapping[str, str] | None = None, limit: float = 300) -> str:
    """Run a quick program and return its standard output.

    :param env: variables to add to ours.
    :param limit: seconds it may take.
    :raises LabError: it is missing, failed, took too long or printed too much.
    """
    try:
        ended = capture(command, limit, env=env)
    except TimeoutError as error:
        raise LabError(
            f"{command[0]} did not end within {limit:.0f} s",
            next_step="see whether the machine is overloaded",
        ) from error
    except TooMuchError as error:
        raise LabError(
            f"{command[0]}: {error}", next_step="run it by hand, and see what it prints"
        ) from error
    if ended.status:
        raise LabError(
            f"{' '.join(command)} failed with status {ended.status}: {ended.errors.strip()}",
            next_step="fix the error above, then run the same command again",
        )
    return ended.output


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
    with running(command, log, env=env) as process:
        status = _wait(process, what, progress, limit)
    if status:
        raise LabError(
            f"{what} failed (status {status}); the end of {log}:\n{tail(log)}",
            next_step="fix the error above, then run the same command again",
        )


def run_attached(command: Sequence[str], *, env: Mapping[str, str] | None = None) -> int:
    """Run a program that has our terminal, for as long as it takes; returns its exit status.

    :param env: variables to add to ours.
    :raises LabError: it is missing.
    """
    process = _popen(command, env={**os.environ, **(env or {})})
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.wait()  # the terminal interrupted it, too: let it finish cleaning up
        raise


def capture(
    command: Sequence[str],
    limit: float,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    given: str = "",
    to: IO[bytes] | None = None,
    together: bool = False,
    most: int = MOST,
) -> Ended:
    """Run a program, whether it fails or not.

    :param limit: seconds until it has to be done.
    :param env: variables to add to ours.
    :param given: its standard input.
    :param to: a file for what it prints, which is not returned then.
    :param together: whether errors are to be among the output, in their order.
    :param most: bytes that it may print.
    :raises LabError: it is missing.
    :raises TimeoutError: it was not done in time.
    :raises TooMuchError: it printed more than that.
    """
    with tempfile.TemporaryFile() as source:  # a pipe would have to be fed while the output is read
        source.write(given.encode())
        source.seek(0)
        with start(command, env=env, cwd=cwd, stdin=source, together=together) as process:
            try:
                output, errors = read_to_end(process, limit, in_all=limit, most=most, to=to)
            finally:
                process.kill()  # does nothing to one that has ended
    return Ended(process.returncode, output.decode(errors="replace"), errors.decode(errors="replace"))


def start(
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: IO[bytes] | int = subprocess.DEVNULL,
    together: bool = False,
) -> Process:
    """Start a program whose output is read here.

    :param env: variables to add to ours.
    :param stdin: its standard input, or :data:`PIPE`: what is written to ``.stdin``.
    :param together: whether errors are to be among the output, in their order.
    :raises LabError: it is missing.
    """
    errors = subprocess.STDOUT if together else subprocess.PIPE
    return _popen(command, env=_environment(env), cwd=cwd, stdin=stdin, stdout=subprocess.PIPE, stderr=errors)


@contextmanager
def running(command: Sequence[str], log: Path, *, env: Mapping[str, str] | None = None) -> Iterator[Process]:
    """A program that runs until the block ends, at the latest, with its output in ``log``.

    :param env: variables to add to ours.
    :raises LabError: it is missing.
    """
    with log.open("ab") as output:
        # A session of its own, so that Ctrl-C reaches it once, from us, and its children with it.
        process = _popen(
            command,
            env=_environment(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        with at_the_latest_on_exit(partial(_end_session, process)):
            yield process


def become(command: Sequence[str]) -> NoReturn:
    """Be replaced by a program.

    :raises LabError: it is missing.
    """
    try:
        os.execvp(command[0], list(command))  # noqa: S606 (no shell is the point)
    except FileNotFoundError as error:
        raise _missing(command[0]) from error


def read_to_end(
    process: Process, silence: float, *, in_all: float, most: int = MOST, to: IO[bytes] | None = None
) -> tuple[bytes, bytes]:
    """Wait until a process ends; returns its standard output and the start of its standard error.

    :param silence: seconds for which it may print nothing.
    :param in_all: seconds that it may take.
    :param most: bytes that it may print.
    :param to: a file for its standard output, which is not returned then.
    :raises TimeoutError: it printed nothing for longer, or went on for longer.
    :raises TooMuchError: it printed more.
    """
    output, errors, printed = bytearray(), bytearray(), 0
    deadline = time.monotonic() + in_all
    with DefaultSelector() as selector:
        for stream, keep in (
            (process.stdout, to.write if to else output.extend),
            (process.stderr, lambda block: errors.extend(block[: MOST_ERRORS - len(errors)])),
        ):
            if stream:
                selector.register(stream, EVENT_READ, keep)
        while selector.get_map():
            ready = selector.select(min(silence, max(0.0, deadline - time.monotonic())))
            if time.monotonic() > deadline:
                raise TimeoutError(f"not done within {in_all:.0f} s")
            if not ready:
                raise TimeoutError(f"no answer within {silence:.0f} s")
            for key, _ in ready:
                if block := os.read(key.fd, BLOCK):
                    key.data(block)
                    printed += len(block)
                else:
                    selector.unregister(key.fileobj)
            if printed > most:
                raise TooMuchError(f"it printed more than {most} bytes")
    try:
        process.wait(silence)
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"no end within {silence:.0f} s") from None
    return bytes(output), bytes(errors)


def end(process: Process, grace: float = 0) -> None:
    """Have a process end: by itself within so many seconds, or else killed."""
    try:
        process.wait(grace)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


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


def _wait(process: Process, what: str, progress: Progress, limit: float) -> int:
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


def _end_session(process: Process) -> None:
    """End a process and its children, gently at first."""
    for number, grace in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
        if process.poll() is None:
            os.killpg(process.pid, number)
            try:
                process.wait(grace)
            except subprocess.TimeoutExpired:
                continue


def _popen(command: Sequence[str], **how: Any) -> Process:
    try:
        return subprocess.Popen(command, **how)
    except FileNotFoundError as error:
        raise _missing(command[0]) from error


def _environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C.UTF-8", **(extra or {})}


def _missing(program: str) -> LabError:
    return LabError(f"{program} is not installed", next_step="run ./lab, which installs what is missing")
