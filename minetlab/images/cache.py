"""The cache: each file in it is made once, moved into place when complete, and verified before each use."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from minetlab.util import files
from minetlab.util.errors import LabError
from minetlab.util.paths import cache_dir
from minetlab.util.process import run
from minetlab.util.progress import Heartbeat, Progress

LOCK_LIMIT = 1800.0
"""Seconds to wait for another run; longer than any build takes on a slow line."""


@contextmanager
def locked(lock: Path, label: str, progress: Progress, limit: float = LOCK_LIMIT) -> Iterator[None]:
    """Provide a context that holds a lock, which threads, greenlets and processes may ask for.

    :param lock: the lock file; it is made if it is missing, and never removed.
    :param label: what is locked, for messages.
    :param progress: told every ten seconds while another run holds the lock.
    :param limit: how long to wait for the lock, in seconds.
    :yields: once the lock is held.
    :raises LabError: another run still holds the lock after ``limit``.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    heartbeat = Heartbeat(f"{label}: already being worked on, waiting", progress)
    with lock.open("a") as handle:
        files.lock(handle.fileno(), lock, label, limit, heartbeat.beat)
        yield


def make_once(target: Path, make: Callable[[Path, Path], object], label: str, progress: Progress) -> Path:
    """Make a file of the cache, unless it exists and its recorded checksum is right.

    :param target: the file; ``<target>.sha256`` is kept beside it.
    :param make: called with the path to write and an empty scratch folder on the same file system.
    :param label: what the file is, for messages.
    :param progress: told when the file is made, and when it is made again.
    :return: ``target``.
    :raises LabError: ``make`` raises it, or another run is making the file for too long; nothing half-made
        is left behind.
    """
    with locked(target.with_name(f".{target.name}.lock"), label, progress):
        if target.exists():
            if is_intact(target):
                os.utime(checksum_file(target))  # pruning removes the least recently used first
                return target
            progress(f"{label}: the cached {target.name} does not match its checksum: making it again")
            target.unlink()
        with files.scratch_folder(target) as scratch:
            new_file = scratch / target.name
            started = time.monotonic()
            make(new_file, scratch)
            record_checksum(target, new_file)
            new_file.replace(target)
            progress(f"{label}: done in {time.monotonic() - started:.0f} s ({_size(target)})")
    return target


def images_folder() -> Path:
    """Return the folder of disks and root file systems in the cache; it is made if it is missing."""
    folder = cache_dir() / "images"
    folder.mkdir(exist_ok=True)
    return folder


def is_intact(target: Path) -> bool:
    """Return whether a file exists and has the checksum of its ``.sha256`` file; takes about 1 s a GiB."""
    return target.is_file() and checksum_file(target).is_file() and recorded_sha256(target) == sha256(target)


def checksum_file(target: Path) -> Path:
    """Return the file that has the checksum of ``target``, in the format of ``sha256sum``."""
    return target.with_name(f"{target.name}.sha256")


def record_checksum(target: Path, content: Path) -> None:
    """Write the checksum file of ``target``, whose content is still in another file, or in it already."""
    checksum_file(target).write_text(f"{sha256(content)}  {target.name}\n")


def recorded_sha256(target: Path) -> str:
    """Return the checksum that was recorded for a file of the cache."""
    return checksum_file(target).read_text().split(" ")[0]


def sha256(path: Path) -> str:
    """Compute the SHA-256 of a file, in hexadecimal."""
    # In a process of its own: hashing a GiB in this one would block all greenlets of a pyinfra run meanwhile.
    return run(["sha256sum", "--binary", str(path)]).split(" ")[0].lstrip("\\")


def require_free_space(folder: Path, gib: float, label: str) -> None:
    """Raise an error unless the file system of a folder has enough free space.

    :param folder: a folder that exists.
    :param gib: the free space that is needed, in GiB.
    :param label: what needs the space, for the error.
    :raises LabError: there is less.
    """
    free = shutil.disk_usage(folder).free / 2**30
    if free < gib:
        raise LabError(
            f"{label} needs {gib:.1f} GiB of free disk, {folder} has {free:.1f} GiB",
            next_step="free some space, or move the folder with MINETLAB_CACHE or MINETLAB_STATE",
        )


def _size(path: Path) -> str:
    return f"{path.stat().st_blocks * 512 / 2**20:.0f} MiB"
