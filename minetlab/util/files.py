"""Files written whole or not at all; and, unless they are there already, for this user alone."""

import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from minetlab.util.errors import LabError

ALONE_LIMIT = 30.0
"""Seconds to wait for another run to have written a file."""
POLL_INTERVAL = 0.05
"""Seconds between two tries to get a lock."""

Version = tuple[Path, int, int, int]
"""A file as it is now: its path, its inode, its size in bytes, and when it was changed, in nanoseconds."""


def versions(files: Iterable[Path]) -> frozenset[Version]:
    """These files as they are now, to be compared; one that is not there is left out."""
    present = ((file, file.stat()) for file in files if file.exists())
    return frozenset((file, now.st_ino, now.st_size, now.st_mtime_ns) for file, now in present)


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
        lock(handle, folder, str(folder), ALONE_LIMIT)
        try:
            yield
        finally:
            # Not left to close(): that of gevent, which pyinfra runs on, closes a folder at some later time.
            fcntl.flock(handle, fcntl.LOCK_UN)
    finally:
        os.close(handle)


def lock(
    descriptor: int, path: Path, what: str, limit: float, waiting: Callable[[], object] = lambda: None
) -> None:
    """Have an open file for ourselves alone, waiting for whoever else has it.

    No flock() that blocks: it would stop all greenlets of a pyinfra run, also the one that it waits for.

    :param path: of the file; ``what``: as it shall be named to the administrator.
    :param limit: how long to wait at most, in seconds.
    :param waiting: called again and again meanwhile.
    :raises LabError: another run still has it after ``limit``.
    """
    latest = time.monotonic() + limit
    while not try_lock(descriptor):
        if time.monotonic() > latest:
            raise LabError(
                f"{what} has been locked by another run for more than {limit:.0f} s",
                next_step=f"look for that run: fuser -v {path}",
            )
        waiting()
        time.sleep(POLL_INTERVAL)


def try_lock(descriptor: int) -> bool:
    """Have an open file for ourselves alone if nobody else has it; returns whether we have."""
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
