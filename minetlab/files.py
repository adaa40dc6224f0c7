"""Files written whole or not at all; and, unless they are there already, for this user alone."""

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from minetlab.errors import LabError

ALONE_LIMIT = 30.0
"""Seconds to wait for another run to have written a file."""


def make_folder(folder: Path, *, private: bool = False) -> None:
    """Make a folder, and those that it is in, where they are missing.

    :param private: mode 0700, also of one that is there.
    :raises LabError: that cannot be.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700 if private else 0o777)
        if private:
            folder.chmod(0o700)
    except OSError as error:
        raise refused(folder, error) from error


def write_private(path: Path, content: str | bytes) -> None:
    """Write a file, mode 0600, in one step.

    :raises LabError: that cannot be.
    """
    try:
        descriptor, new = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp: mode 0600
        with os.fdopen(descriptor, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        Path(new).replace(path)
    except OSError as error:
        raise refused(path, error) from error


def rewrite(path: Path, content: bytes) -> None:
    """Write a file that is there, in one step; its mode stays, and a link to it does.

    :raises LabError: that cannot be.
    """
    try:
        path = path.resolve(strict=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), path.stat().st_mode & 0o7777)
            os.fsync(file.fileno())
        Path(file.name).replace(path)
    except OSError as error:
        raise refused(path, error) from error


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other runs from changing a folder's files between reading and writing: for milliseconds.

    :raises LabError: another run does so for longer than :data:`ALONE_LIMIT`.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        latest = time.monotonic() + ALONE_LIMIT
        while not try_lock(handle):
            if time.monotonic() > latest:
                raise LabError(
                    f"{folder} is in the hands of another run for more than {ALONE_LIMIT:.0f} s",
                    next_step=f"look for that run: fuser -v {folder}",
                )
            time.sleep(0.05)
        try:
            yield
        finally:
            # Not left to close(): that of gevent, which pyinfra runs on, closes a folder at some later time.
            fcntl.flock(handle, fcntl.LOCK_UN)
    finally:
        os.close(handle)


def try_lock(descriptor: int) -> bool:
    """Whether a file is ours alone now, until it is closed.

    No flock() that blocks: it would stop all greenlets of a pyinfra run, also the one that it waits for.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def refused(path: Path, error: OSError) -> LabError:
    """What to say where a file cannot be written."""
    return LabError(
        f"cannot write {path}: {error.strerror}", next_step="make room there, or name another folder"
    )
