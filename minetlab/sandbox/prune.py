"""Keep the image cache within a size: the least recently used is removed first, what is needed stays."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from minetlab.images.build import log_of
from minetlab.images.cache import locked
from minetlab.images.manifest import manifest_file
from minetlab.images.toolbox import toolbox_folder
from minetlab.sandbox.booted import TEMPLATE
from minetlab.sandbox.in_use import in_use
from minetlab.sandbox.machine import SandboxHost
from minetlab.util.errors import LabError
from minetlab.util.files import try_lock
from minetlab.util.paths import cache_dir
from minetlab.util.progress import Progress

DEFAULT_LIMIT_GIB = 20
RECENTLY = 3600.0
"""Seconds since its last use for which an entry is kept: a run may be about to make a host from it."""


@dataclass(frozen=True)
class CacheEntry:
    """An image, a booted image or a toolbox in the cache.

    :param paths: its files, or its folder; the first one names it.
    :param touched: the path whose time of change is set at each use.
    :param needed: whether it must stay: a host or a checkpoint uses it, or it is the present toolbox.
    """

    paths: tuple[Path, ...]
    touched: Path
    needed: bool

    @property
    def name(self) -> str:
        """Its name, after that of the folder which tells its kind, such as ``images/``."""
        return f"{self.paths[0].parent.name}/{self.paths[0].name}"

    @property
    def last_used(self) -> float:
        """The time of its last use, in seconds since 1970."""
        try:
            return self.touched.stat().st_mtime
        except FileNotFoundError:
            return time.time()  # another run is removing it

    @property
    def size(self) -> int:
        """The room on disk that it takes, in bytes."""
        files = (file for path in self.paths for file in (path.rglob("*") if path.is_dir() else [path]))
        return sum(_disk_bytes(file) for file in files)


def limit_gib() -> float:
    """Return how large the cache may be, in GiB: ``MINETLAB_CACHE_GIB``, or the default.

    :return: the limit.
    :raises LabError: the variable is not a number.
    """
    value = os.environ.get("MINETLAB_CACHE_GIB", str(DEFAULT_LIMIT_GIB))
    try:
        return float(value)
    except ValueError:
        raise LabError(
            f"MINETLAB_CACHE_GIB is {value!r}, which is not a number",
            next_step="set it to a number of GiB, such as 20",
        ) from None


def prune(progress: Progress, limit: float | None = None) -> int:
    """Remove what killed runs have left, then unneeded entries until the cache is within its limit.

    :param progress: told what is removed.
    :param limit: how large the cache may be, in GiB; None: as :func:`limit_gib` says.
    :return: the bytes that were freed.
    :raises LabError: another run prunes for too long, or the limit is not a number.
    """
    limit_bytes = (limit_gib() if limit is None else limit) * 2**30
    with locked(cache_dir() / ".prune.lock", "the image cache", progress):
        freed = _remove_leftovers(progress)
        entries = sorted(cache_entries(), key=lambda entry: entry.last_used)
        total = sum(entry.size for entry in entries)
        for entry in entries:
            if total <= limit_bytes:
                break
            with _try_to_lock(entry.paths[0]) as is_locked:
                # Read again: the run that held the lock until now may be about to make a host from this.
                is_old = entry.last_used < time.time() - RECENTLY
                if is_locked and is_old and not entry.needed:
                    size = _remove(entry, progress)
                    total, freed = total - size, freed + size
    return freed


def keep_within_bounds(progress: Progress) -> None:
    """Prune after a host was made; a failure is only a line of progress, as the host is ready."""
    try:
        prune(progress)
    except (OSError, LabError) as error:
        progress(f"the image cache was not made smaller: {error}")


def cache_entries() -> list[CacheEntry]:
    """List the images, booted images and toolboxes in the cache."""
    needed = in_use()
    cache = cache_dir()
    booted_images = [folder for folder in cache.glob("booted/[!.]*") if folder.is_dir()]
    toolboxes = [folder for folder in cache.glob("toolbox/[!.]*") if folder.is_dir()]
    return [
        *(_image_entry(checksum, needed) for checksum in cache.glob("images/[!.]*.sha256")),
        *(CacheEntry((folder,), folder, folder in needed) for folder in booted_images),
        *(CacheEntry((folder,), folder, folder == toolbox_folder()) for folder in toolboxes),
    ]


def _image_entry(checksum: Path, needed: set[Path]) -> CacheEntry:
    image = checksum.with_suffix("")
    paths = tuple(path for path in (image, checksum, manifest_file(image), log_of(image)) if path.exists())
    return CacheEntry(paths or (image,), checksum, image in needed)


def _disk_bytes(file: Path) -> int:
    try:
        return file.lstat().st_blocks * 512
    except FileNotFoundError:  # another run has just removed it
        return 0


def _remove_leftovers(progress: Progress) -> int:
    """Remove what killed runs were making; return the bytes that were freed."""
    freed = 0
    for folder in cache_dir().glob("*/.*.partial"):
        target = folder.with_name(folder.name[1:].removesuffix(".partial"))
        with _try_to_lock(target) as is_locked:
            if is_locked:
                SandboxHost(TEMPLATE, folder).kill()  # if it is a booted image, its QEMU may still run
                freed += _remove(CacheEntry((folder,), folder, needed=False), progress)
    return freed


@contextmanager
def _try_to_lock(path: Path) -> Iterator[bool]:
    """Yield whether this run has the lock of ``path``; another run holds it while it makes or checks it."""
    with path.with_name(f".{path.name}.lock").open("a") as handle:
        yield try_lock(handle.fileno())


def _remove(entry: CacheEntry, progress: Progress) -> int:
    size = entry.size
    progress(f"removing {entry.name} ({size / 2**20:.0f} MiB)")
    for path in reversed(entry.paths):  # the path that names the entry is the last
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    return size
