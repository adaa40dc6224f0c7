"""Keep the image cache within bounds: what was not used for longest goes first, what is needed stays."""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from minetlab.errors import LabError
from minetlab.images.cache import locked
from minetlab.images.progress import Progress
from minetlab.images.toolbox import toolbox_folder
from minetlab.paths import cache_dir
from minetlab.sandbox.booted import TEMPLATE
from minetlab.sandbox.in_use import in_use
from minetlab.sandbox.machine import Machine

DEFAULT_LIMIT_GIB = 20
RECENTLY = 3600.0
"""Seconds for which what was used is left alone: a run may be about to make a host of it."""


@dataclass(frozen=True)
class Cached:
    """One thing in the cache: an image, a booted image or a toolbox.

    :param paths: its files or its folder; the first one names it.
    :param used: when it was last used, in seconds since 1970.
    :param needed: whether a host or a checkpoint stands on it, or the programs of now are in it.
    """

    paths: tuple[Path, ...]
    used: float
    needed: bool

    @property
    def name(self) -> str:
        """What it is called, with the folder of its kind."""
        return f"{self.paths[0].parent.name}/{self.paths[0].name}"

    @property
    def size(self) -> int:
        """The room that it takes, in bytes."""
        files = (file for path in self.paths for file in (path.rglob("*") if path.is_dir() else [path]))
        return sum(_room(file) for file in files)


def limit_gib() -> float:
    """How large the cache may be, in GiB: ``MINETLAB_CACHE_GIB``, or the default.

    :raises LabError: that is no number.
    """
    given = os.environ.get("MINETLAB_CACHE_GIB", str(DEFAULT_LIMIT_GIB))
    try:
        return float(given)
    except ValueError:
        raise LabError(
            f"MINETLAB_CACHE_GIB is {given!r}", next_step="set it to a number of GiB, such as 20"
        ) from None


def prune(progress: Progress, limit: float | None = None) -> int:
    """Remove what runs that were killed have left, and things that are not needed until the rest fits.

    :param limit: how large the cache may be, in GiB; None: as :func:`limit_gib` says.
    :returns: the bytes that are free now.
    :raises LabError: another run does the same for long, or the limit is no number.
    """
    allowed = (limit_gib() if limit is None else limit) * 2**30
    with locked(cache_dir() / ".prune.lock", "the image cache", progress):
        return _pruned(allowed, progress)


def keep_within_bounds(progress: Progress) -> None:
    """Prune after a host was made: the host is there, so a failure is a line of progress and no error."""
    try:
        prune(progress)
    except (OSError, LabError) as error:
        progress(f"the image cache was not made smaller: {error}")


def _pruned(allowed: float, progress: Progress) -> int:
    freed = sum(_remove(each, progress) for each in _leftovers())
    cached = sorted(things(), key=lambda each: each.used)
    total = sum(each.size for each in cached)
    for each in cached:
        if total <= allowed:
            break
        if not each.needed and each.used < time.time() - RECENTLY:
            gone = _remove(each, progress)
            total, freed = total - gone, freed + gone
    return freed


def things() -> list[Cached]:
    """All that is in the cache."""
    needed = in_use()
    cache = cache_dir()
    images = [Path(str(each).removesuffix(".sha256")) for each in cache.glob("images/[!.]*.sha256")]
    folders = [each for each in cache.glob("booted/[!.]*") if each.is_dir()]
    tools = [each for each in cache.glob("toolbox/[!.]*") if each.is_dir()]
    return [
        *(_cached(each, each in needed, Path(f"{each}.sha256"), each.with_suffix(".log")) for each in images),
        *(_cached(each, each in needed) for each in folders),
        *(_cached(each, each == toolbox_folder()) for each in tools),
    ]


def _cached(path: Path, needed: bool, *beside: Path) -> Cached:
    there = tuple(each for each in (path, *beside) if each.exists())
    named_by = beside[0] if beside else path
    # What somebody removes at this moment was used just now.
    used = named_by.stat().st_mtime if named_by.exists() else time.time()
    return Cached(there or (path,), used, needed)


def _room(file: Path) -> int:
    """The bytes of disk that a file takes; none if it is gone by now."""
    try:
        return file.lstat().st_blocks * 512
    except FileNotFoundError:
        return 0


def _leftovers() -> Iterator[Cached]:
    """What was being made by runs that do not run any more."""
    for folder in cache_dir().glob("*/.*.partial"):
        lock = folder.with_name(f"{folder.name.removesuffix('.partial')}.lock")
        if not _is_held(lock):
            Machine(TEMPLATE, folder).kill()
            yield Cached((folder,), 0.0, needed=False)


def _is_held(lock: Path) -> bool:
    try:
        with lock.open("rb") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _remove(cached: Cached, progress: Progress) -> int:
    size = cached.size
    progress(f"removes {cached.name} ({size / 2**20:.0f} MiB)")
    for path in reversed(cached.paths):  # the one that names it goes last
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    return size
