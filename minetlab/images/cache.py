"""The cache: each thing in it is made once, put in place whole, and checked before it is used."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from minetlab.util import files
from minetlab.util.errors import LabError
from minetlab.util.process import at_the_latest_on_exit, run
from minetlab.util.progress import Heartbeat, Progress

LOCK_LIMIT = 1800.0
"""Seconds to wait for another run: longer than any build takes on a slow line."""


@contextmanager
def locked(lock: Path, what: str, progress: Progress, limit: float = LOCK_LIMIT) -> Iterator[None]:
    """Hold ``lock``, waiting for whoever else has it; several threads, greenlets or processes may ask.

    :param lock: a file, made if absent and never removed.
    :param what: what is waited for, as it shall be named to the administrator.
    :param limit: how long to wait at most, in seconds.
    :raises LabError: another run still holds the lock after ``limit``.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    heartbeat = Heartbeat(f"{what}: already being worked on, waiting", progress)
    with lock.open("a") as handle:
        files.lock(handle.fileno(), lock, what, limit, heartbeat.beat)
        yield


def make_once(target: Path, make: Callable[[Path, Path], object], what: str, progress: Progress) -> Path:
    """Return ``target``, made first unless the cache has it and its recorded checksum holds.

    :param target: the file to be had; ``<target>.sha256`` is kept beside it.
    :param make: called with the path to write and an empty scratch folder on the same file system.
    :param what: the thing's name in messages.
    :raises LabError: whatever ``make`` raises; nothing half-made stays behind.
    """
    with locked(target.with_name(f".{target.name}.lock"), what, progress):
        if target.exists():
            if is_intact(target):
                os.utime(checksum_file(target))  # what was not used for longest is removed first
                return target
            progress(f"{what}: the cached {target.name} does not match its checksum: making it again")
        scratch = target.with_name(f".{target.name}.partial")
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        with at_the_latest_on_exit(partial(shutil.rmtree, scratch, ignore_errors=True)):
            made = scratch / target.name
            started = time.monotonic()
            make(made, scratch)
            checksum_file(target).write_text(f"{sha256(made)}  {target.name}\n")
            made.replace(target)
            progress(f"{what}: done in {time.monotonic() - started:.0f} s ({_size(target)})")
    return target


def is_intact(target: Path) -> bool:
    """Whether the file is there, and is what its ``.sha256`` file says (about 1 s a GiB)."""
    record = checksum_file(target)
    return target.is_file() and record.is_file() and record.read_text().split(" ")[0] == sha256(target)


def checksum_file(target: Path) -> Path:
    """Where the checksum of ``target`` is kept, in the format of ``sha256sum``."""
    return target.with_name(f"{target.name}.sha256")


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    # A process of its own: hashing a GiB here would stop every greenlet of a pyinfra run for as long.
    return run(["sha256sum", "--binary", str(path)]).split(" ")[0].lstrip("\\")


def require_free_space(folder: Path, gib: float, what: str) -> None:
    """Make sure that ``folder`` has room for ``gib`` GiB.

    :raises LabError: it has not.
    """
    free = shutil.disk_usage(folder).free / 2**30
    if free < gib:
        raise LabError(
            f"{what} needs {gib:.1f} GiB of free disk, {folder} has {free:.1f} GiB",
            next_step="free some space, or move the folder with MINETLAB_CACHE or MINETLAB_STATE",
        )


def _size(path: Path) -> str:
    return f"{path.stat().st_blocks * 512 / 2**20:.0f} MiB"
