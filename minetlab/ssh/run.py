"""Run a line on a machine over SSH: the one place that does, with a limit to time and output."""

import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from time import monotonic
from typing import IO

from minetlab.ssh.ssh_config import ssh_command

MOST = 64 * 2**20
"""Bytes that a machine may print. All of libvirt's XML for a class of three hundred is some two million."""
BLOCK = 2**16


class TooMuchError(Exception):
    """A program printed more than it may."""


@dataclass(frozen=True)
class Ended:
    """How a line ended on a machine.

    :param status: its exit status, or 255 where ssh itself failed (ssh(1)).
    :param output: what it printed.
    :param errors: what it printed to standard error; empty where that is among the output.
    """

    status: int
    output: str
    errors: str


def run(
    config: Path,
    alias: str,
    line: str,
    limit: float,
    *,
    given: str = "",
    together: bool = False,
    most: int = MOST,
) -> Ended:
    """Have the shell of a machine run a line.

    :param config: the lab's SSH configuration.
    :param alias: the machine, as that names it.
    :param limit: seconds until it has to be done.
    :param given: the line's standard input.
    :param together: whether errors are to be among the output, in their order.
    :param most: bytes that it may print.
    :raises TimeoutError: it was not done in time.
    :raises TooMuchError: it printed more than that.
    """
    with tempfile.TemporaryFile() as source:  # a pipe would have to be fed while the output is read
        source.write(given.encode())
        source.seek(0)
        with subprocess.Popen(
            ssh_command(config, alias, line),
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if together else subprocess.PIPE,
        ) as process:
            try:
                output, errors = read_all(process, limit, in_all=limit, most=most)
            finally:
                process.kill()  # does nothing to one that has ended
    return Ended(process.returncode, output.decode(errors="replace"), errors.decode(errors="replace"))


def read_all(
    process: subprocess.Popen[bytes], silence: float, *, in_all: float, most: int = MOST
) -> tuple[bytes, bytes]:
    """Wait until a process ends; returns its standard output and its standard error.

    :param silence: seconds for which it may print nothing.
    :param in_all: seconds that it may take.
    :param most: bytes that it may print.
    :raises TimeoutError: it printed nothing for longer, or went on for longer.
    :raises TooMuchError: it printed more.
    """
    read: dict[IO[bytes], bytearray] = {
        stream: bytearray() for stream in (process.stdout, process.stderr) if stream
    }
    deadline = monotonic() + in_all
    with DefaultSelector() as selector:
        for stream in read:
            selector.register(stream, EVENT_READ)
        while selector.get_map():
            ready = selector.select(min(silence, max(0.0, deadline - monotonic())))
            if monotonic() > deadline:
                raise TimeoutError(f"not done within {in_all:.0f} s")
            if not ready:
                raise TimeoutError(f"no answer within {silence:.0f} s")
            for key, _ in ready:
                if block := os.read(key.fd, BLOCK):
                    read[key.fileobj] += block  # type: ignore[index]
                else:
                    selector.unregister(key.fileobj)
            if sum(map(len, read.values())) > most:
                raise TooMuchError(f"it printed more than {most} bytes")
    try:
        process.wait(silence)
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"no end within {silence:.0f} s") from None
    output, errors = (bytes(read[stream]) if stream else b"" for stream in (process.stdout, process.stderr))
    return output, errors
