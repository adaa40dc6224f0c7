"""Keep the image cache within bounds: what was not used for longest goes first, what is needed stays."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from minetlab.images.cache import locked
from minetlab.images.disk import log_of
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
"""Seconds for which what was used is left alone: a run may be about to make a host of it."""


@dataclass(frozen=True)
class Cached:
    """One thing in the cache: an image, a booted image or a toolbox.

    :param paths: its files or its folder; the first one names it.
    :param touched: which of them is touched whenever it is used.
    :param needed: whether a host or a checkpoint stands on it, or the programs of now are in it.
    """

    paths: tuple[Path, ...]
    touched: Path
    needed: bool

    @property
    def name(self) -> str:
        """What it is called, with the folder of its kind."""
        return f"{self.paths[0].parent.name}/{self.paths[0].name}"

    @property
    def used(self) -> float:
        """When it was last used, in seconds since 1970."""
        try:
            return self.touched.stat().st_mtime
        except FileNotFoundError:
            return time.time()  # what somebody removes at this moment

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
    freed = _remove_leftovers(progress)
    cached = sorted(things(), key=lambda each: each.used)
    total = sum(each.size for each in cached)
    for each in cached:
        if total <= allowed:
            break
        with _nobody_works_on(each.paths[0]) as free:
            # Whoever worked on it until now may be about to make a host of it: the time is looked at again.
            if free and not each.needed and each.used < time.time() - RECENTLY:
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
        *(_cached(each, each in needed, Path(f"{each}.sha256"), log_of(each)) for each in images),
        *(_cached(each, each in needed) for each in folders),
        *(_cached(each, each == toolbox_folder()) for each in tools),
    ]


def _cached(path: Path, needed: bool, *beside: Path) -> Cached:
    there = tuple(each for each in (path, *beside) if each.exists())
    return Cached(there or (path,), beside[0] if beside else path, needed)


def _room(file: Path) -> int:
    """The bytes of disk that a file takes; none if it is gone by now."""
    try:
        return file.lstat().st_blocks * 512
    except FileNotFoundError:
        return 0


def _remove_leftovers(progress: Progress) -> int:
    """Remove what was being made by runs that do not run any more; returns the bytes."""
    freed = 0
    for folder in cache_dir().glob("*/.*.partial"):
        made = folder.with_name(folder.name[1:].removesuffix(".partial"))
        with _nobody_works_on(made) as free:
            if free:
                SandboxHost(TEMPLATE, folder).kill()
                freed += _remove(Cached((folder,), folder, needed=False), progress)
    return freed


@contextmanager
def _nobody_works_on(path: Path) -> Iterator[bool]:
    """Whether no run makes or checks this at the moment; none does within the context then."""
    with path.with_name(f".{path.name}.lock").open("a") as handle:
        yield try_lock(handle.fileno())


def _remove(cached: Cached, progress: Progress) -> int:
    size = cached.size
    progress(f"removes {cached.name} ({size / 2**20:.0f} MiB)")
    for path in reversed(cached.paths):  # the one that names it goes last
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    return size
