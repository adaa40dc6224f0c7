"""Start programs: each has a limit, ends when this process ends, and its last output is in the error."""

import atexit
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import IO, Any, NoReturn

from minetlab.util.errors import LabError
from minetlab.util.progress import Heartbeat, Progress
from minetlab.util.text import printable

Process = subprocess.Popen[bytes]
PIPE = subprocess.PIPE
TAIL_LINES = 20
"""Lines of a log that an error message shows."""
TAIL_BYTES = 2**14
"""Bytes at the end of a log in which those lines are looked for."""
MAX_OUTPUT = 64 * 2**20
"""Bytes that a program may print. All of libvirt's XML for a class of three hundred is some two million."""
MAX_ERRORS = 2**20
"""Bytes of standard error that are kept; what comes after them is dropped."""
READ_SIZE = 2**16
"""Bytes that are read at a time."""


class TooMuchError(Exception):
    """A program printed more than it was allowed to."""


@dataclass(frozen=True)
class ProgramResult:
    """How a program ended.

    :param status: its exit status; if a signal ended it, the signal's number, negative.
    :param output: what it printed; empty if that went to a file.
    :param errors: what it printed to standard error; empty if that was merged into the output.
    """

    status: int
    output: str
    errors: str


def run(command: Sequence[str], *, env: Mapping[str, str] | None = None, limit: float = 300) -> str:
    """Run a quick program that has to succeed, and return its standard output.

    :param command: the program and its arguments.
    :param env: variables to add to this process's environment.
    :param limit: seconds that it may take.
    :return: its standard output.
    :raises LabError: the program is not installed, failed, took too long or printed too much.
    """
    try:
        ended = capture(command, limit, env=env)
    except TimeoutError as error:
        raise LabError(
            f"{command[0]} did not end within {limit:g} s",
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
    task: str,
    progress: Progress,
    *,
    env: Mapping[str, str] | None = None,
    limit: float = 1800,
) -> None:
    """Run a long program, and show every ten seconds that it still runs.

    :param command: the program and its arguments.
    :param log: a file; the program's output is added at its end.
    :param task: what the program does, as progress and errors call it.
    :param progress: shows the lines of progress.
    :param env: variables to add to this process's environment.
    :param limit: seconds that it may take.
    :raises LabError: the program is not installed, took too long, or failed, with the end of its log.
    """
    with running(command, log, env=env) as process:
        heartbeat = Heartbeat(task, progress)
        while (status := process.poll()) is None:
            if heartbeat.elapsed > limit:
                raise LabError(
                    f"{task} did not end within {limit:g} s",
                    next_step="see whether the machine is overloaded or its package mirror slow",
                )
            heartbeat.beat()
            time.sleep(0.05)
    if status:
        raise LabError(
            f"{task} failed (status {status}); the end of {log}:\n{tail(log)}",
            next_step="fix the error above, then run the same command again",
        )


def run_attached(command: Sequence[str], *, env: Mapping[str, str] | None = None) -> int:
    """Run a program on this process's terminal, for as long as it takes.

    :param command: the program and its arguments.
    :param env: variables to add to this process's environment.
    :return: its exit status; negative: the number of the signal that ended it.
    :raises LabError: the program is not installed.
    """
    process = _popen(command, env={**os.environ, **(env or {})})
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.wait()  # Ctrl-C has reached the program, too: let it clean up
        raise


def capture(
    command: Sequence[str],
    limit: float,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str = "",
    output_file: IO[bytes] | None = None,
    merge_errors: bool = False,
    max_bytes: int = MAX_OUTPUT,
) -> ProgramResult:
    """Run a program and return its exit status and output, whether it succeeds or fails.

    :param command: the program and its arguments.
    :param limit: seconds that it may take.
    :param env: variables to add to this process's environment.
    :param cwd: the folder to run it in; None: this process's.
    :param stdin: its standard input.
    :param output_file: a file to write its standard output to, instead of returning it.
    :param merge_errors: have its standard error go to its standard output.
    :param max_bytes: how much it may print, on standard output and standard error together.
    :return: how it ended; bytes that are no UTF-8 are replaced.
    :raises LabError: the program is not installed.
    :raises TimeoutError: it took longer than ``limit``.
    :raises TooMuchError: it printed more than ``max_bytes``.
    """
    with tempfile.TemporaryFile() as stdin_file:  # a pipe would have to be fed while the output is read
        stdin_file.write(stdin.encode())
        stdin_file.seek(0)
        with start(command, env=env, cwd=cwd, stdin=stdin_file, merge_errors=merge_errors) as process:
            try:
                output, errors = read_to_end(
                    process, limit, total_limit=limit, max_bytes=max_bytes, output_file=output_file
                )
            finally:
                end(process)
    return ProgramResult(process.returncode, output.decode(errors="replace"), errors.decode(errors="replace"))


def start(
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: IO[bytes] | int = subprocess.DEVNULL,
    merge_errors: bool = False,
) -> Process:
    """Start a program with pipes for its output, which the caller has to read, and has to :func:`end` it.

    :param command: the program and its arguments.
    :param env: variables to add to this process's environment.
    :param cwd: the folder to run it in; None: this process's.
    :param stdin: a file for its standard input; :data:`PIPE`: the caller writes to the process's ``stdin``.
    :param merge_errors: have its standard error go to its standard output.
    :return: the running process.
    :raises LabError: the program is not installed.
    """
    stderr = subprocess.STDOUT if merge_errors else subprocess.PIPE
    return _popen(
        command,
        env=_environment(env),
        cwd=cwd,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=stderr,
        process_group=0,  # by which its children are ended too: ssh has one for each jump
    )


@contextmanager
def running(command: Sequence[str], log: Path, *, env: Mapping[str, str] | None = None) -> Iterator[Process]:
    """Run a program during the block, and end it and its children after the block if they still run.

    :param command: the program and its arguments.
    :param log: a file; the program's output is added at its end.
    :param env: variables to add to this process's environment.
    :yields: the running process.
    :raises LabError: the program is not installed.
    """
    with log.open("ab") as output:
        # In a session of its own, Ctrl-C does not reach it: this process ends it, together with its children.
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
    """Replace this process by a program: execvp(3).

    :param command: the program and its arguments.
    :raises LabError: the program is not installed.
    """
    try:
        os.execvp(command[0], list(command))  # noqa: S606 (no shell is the point)
    except FileNotFoundError as error:
        raise _missing(command[0]) from error


def read_to_end(
    process: Process,
    silence: float,
    *,
    total_limit: float,
    max_bytes: int = MAX_OUTPUT,
    output_file: IO[bytes] | None = None,
) -> tuple[bytes, bytes]:
    """Read what a process prints until it ends.

    :param process: a process of :func:`start`.
    :param silence: seconds for which it may print nothing.
    :param total_limit: seconds that it may take.
    :param max_bytes: how much it may print, on standard output and standard error together.
    :param output_file: a file to write its standard output to, instead of returning it.
    :return: its standard output, and the first :data:`MAX_ERRORS` bytes of its standard error.
    :raises TimeoutError: it printed nothing for ``silence`` seconds, did not end so long after it had closed
        its output, or took longer than ``total_limit``.
    :raises TooMuchError: it printed more than ``max_bytes``.
    """
    output, errors, printed = bytearray(), bytearray(), 0

    def keep_error(block: bytes) -> None:
        errors.extend(block[: MAX_ERRORS - len(errors)])

    deadline = time.monotonic() + total_limit
    with DefaultSelector() as selector:
        if process.stdout:
            selector.register(process.stdout, EVENT_READ, output_file.write if output_file else output.extend)
        if process.stderr:
            selector.register(process.stderr, EVENT_READ, keep_error)
        while selector.get_map():
            readable = selector.select(min(silence, max(0.0, deadline - time.monotonic())))
            if time.monotonic() > deadline:
                raise TimeoutError(f"not done within {total_limit:g} s")
            if not readable:
                raise TimeoutError(f"no answer within {silence:g} s")
            for key, _ in readable:
                if block := os.read(key.fd, READ_SIZE):
                    key.data(block)  # the function that keeps what comes from this stream
                    printed += len(block)
                else:
                    selector.unregister(key.fileobj)
            if printed > max_bytes:
                raise TooMuchError(f"it printed more than {max_bytes} bytes")
    try:
        process.wait(silence)
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"no end within {silence:g} s") from None
    return bytes(output), bytes(errors)


def end(process: Process, grace: float = 0) -> None:
    """Wait up to ``grace`` seconds for a process of :func:`start` to end, then kill it and its children."""
    try:
        process.wait(grace)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def at_the_latest_on_exit(clean_up: Callable[[], None]) -> Iterator[None]:
    """Run ``clean_up`` after the block, or at exit, as an interrupted pyinfra drops its greenlets."""
    atexit.register(clean_up)
    try:
        yield
    finally:
        atexit.unregister(clean_up)
        clean_up()


def tail(log: Path, lines: int = TAIL_LINES) -> str:
    """Return the last lines of a log that are not blank, indented and printable."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - TAIL_BYTES))
        lines_read = printable(file.read().decode(errors="replace")).split("\n")
    filled = [line.rstrip() for line in lines_read if line.strip()]
    return "\n".join(f"    {line}" for line in filled[-lines:])


def _end_session(process: Process) -> None:
    """End a process and its children: with SIGTERM, and ten seconds later with SIGKILL."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)


def _popen(command: Sequence[str], **options: Any) -> Process:
    try:
        return subprocess.Popen(command, **options)
    except FileNotFoundError as error:
        raise _missing(command[0]) from error


def _environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C.UTF-8", **(extra or {})}


def _missing(program: str) -> LabError:
    return LabError(f"{program} is not installed", next_step="run ./lab, which installs what is missing")


def own_age() -> float:
    """Return for how many seconds this process has run, by the 22nd field of proc_pid_stat(5)."""
    fields = Path("/proc/self/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")
