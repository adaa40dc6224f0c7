"""Write files in one step, so that no reader sees half of one; lock files and folders against other runs."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from minetlab.util.errors import LabError
from minetlab.util.process import at_the_latest_on_exit

FOLDER_LOCK_LIMIT = 30.0
"""Seconds to wait for another run that has locked a folder."""
LOCK_POLL_INTERVAL = 0.05
"""Seconds between two attempts to get a lock."""

Version = tuple[Path, int, int, int]
"""A state of a file: path, inode, size in bytes, and time of the last change in nanoseconds."""


def versions(files: Iterable[Path]) -> frozenset[Version]:
    """Return the current state of files, to compare it later; files that do not exist are left out."""
    statuses = ((file, file.stat()) for file in files if file.exists())
    return frozenset((file, status.st_ino, status.st_size, status.st_mtime_ns) for file, status in statuses)


def refuse_links_out_of(folder: Path) -> None:
    """Make sure that the files of a folder, which somebody else may have made, are in this folder.

    :param folder: the folder, which may be a link itself.
    :raises LabError: a symbolic link in it leads out of it, or to itself.
    """
    inside = folder.resolve()
    for path in folder.rglob("*"):
        if path.is_symlink() and not _resolved(path).is_relative_to(inside):
            raise LabError(
                f"{path} is a link out of {folder}: to {path.readlink()}",
                next_step="put a copy of the file in its place, if everybody may read it",
            )


def _resolved(link: Path) -> Path:
    try:
        return link.resolve()
    except (OSError, RuntimeError):  # it leads to itself
        return Path("/")


def make_folder(folder: Path, *, private: bool = False) -> None:
    """Make a folder and its parents, if they do not exist yet.

    :param folder: the path of the folder.
    :param private: set its mode to 0700, also if it exists already.
    :raises LabError: the folder cannot be made, or its mode cannot be set.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700 if private else 0o777)
        if private:
            folder.chmod(0o700)
    except OSError as error:
        raise write_error(folder, error) from error


def write_private(path: Path, content: str | bytes) -> None:
    """Write a file with mode 0600, in one step.

    :param path: the file; its folder has to exist.
    :param content: text is written as UTF-8.
    :raises LabError: the file cannot be written.
    """
    try:
        # Temporary files have mode 0600.
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            file.write(content.encode() if isinstance(content, str) else content)
        Path(file.name).replace(path)
    except OSError as error:
        raise write_error(path, error) from error


def rewrite(path: Path, content: bytes) -> None:
    """Replace the content of an existing file in one step, and keep its mode.

    :param path: the file; of a symbolic link, the file that it leads to is replaced.
    :param content: the new content.
    :raises LabError: the file does not exist or cannot be written.
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
        raise write_error(path, error) from error


def scratch_of(target: Path) -> Path:
    """Return the folder beside ``target`` in which it is made; a killed run leaves it there."""
    return target.with_name(f".{target.name}.partial")


@contextmanager
def scratch_folder(target: Path) -> Iterator[Path]:
    """Provide an empty folder to make ``target`` in, which is removed after the block.

    :param target: the file or folder; the caller has locked it, and moves it out of the scratch folder.
    :yields: the folder, with mode 0700.
    """
    scratch = scratch_of(target)
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(mode=0o700, parents=True)
    with at_the_latest_on_exit(partial(shutil.rmtree, scratch, ignore_errors=True)):
        yield scratch


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Lock a folder during the block, so that no other run changes its files between reading and writing.

    :param folder: an existing folder.
    :yields: None, once the folder is locked.
    :raises LabError: another run has the lock for longer than :data:`FOLDER_LOCK_LIMIT`.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        lock(descriptor, folder, str(folder), FOLDER_LOCK_LIMIT)
        try:
            yield
        finally:
            # Unlock at once: under gevent, on which pyinfra runs, close() may close a folder only later.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def lock(
    descriptor: int, path: Path, name: str, limit: float, on_wait: Callable[[], object] = lambda: None
) -> None:
    """Lock an open file, and wait while another run has the lock.

    It asks again and again: an flock() that blocks would stop all greenlets of a pyinfra run, also the one
    that is to give the lock back.

    :param descriptor: of the open file or folder.
    :param path: its path, for the error message.
    :param name: what the error message calls it.
    :param limit: how long to wait at most, in seconds.
    :param on_wait: called after each attempt that failed.
    :raises LabError: another run still has the lock after ``limit``.
    """
    deadline = time.monotonic() + limit
    while not try_lock(descriptor):
        if time.monotonic() > deadline:
            raise LabError(
                f"{name} has been locked by another run for more than {limit:.0f} s",
                next_step=f"look for that run: fuser -v {path}",
            )
        on_wait()
        time.sleep(LOCK_POLL_INTERVAL)


def try_lock(descriptor: int) -> bool:
    """Lock an open file unless another process has the lock; return whether it is locked now."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def write_error(path: Path, error: OSError) -> LabError:
    """Return the error to raise for a file or folder that cannot be written."""
    return LabError(
        f"cannot write {path}: {error.strerror}", next_step="make room there, or name another folder"
    )
