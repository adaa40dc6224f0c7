"""Find out which images of the cache are used by hosts and checkpoints.

Several state folders can share one cache, so each state folder registers itself in the cache.
"""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from minetlab.sandbox.machine import RECORD, HostRecord, read_record
from minetlab.util.paths import cache_dir, state_dir


def register() -> None:
    """Register this state folder in the cache, as one whose hosts use images of it."""
    folder = cache_dir() / "users"
    folder.mkdir(exist_ok=True)
    state = str(state_dir())
    (folder / hashlib.sha256(state.encode()).hexdigest()[:12]).write_text(state)


def in_use() -> set[Path]:
    """Return the images and the folders of booted images that are used, by all registered state folders."""
    used: set[Path] = set()
    for registration in (cache_dir() / "users").glob("*"):
        state = Path(registration.read_text())
        if not state.is_dir():
            registration.unlink(missing_ok=True)
            continue
        for record in _records(state):
            used.add(record.image)
            if record.booted:
                used.add(record.booted.parent)
    return used


def _records(state: Path) -> Iterator[HostRecord]:
    """Yield the records of all hosts and checkpoints in a state folder."""
    # sandbox/.*/* are hosts that a restore is about to put in place.
    for folders in ("sandbox/*", "sandbox/.*/*", "labs/*/checkpoints/*/*"):
        for file in state.glob(f"{folders}/{RECORD}"):
            with suppress(OSError, ValueError):
                yield read_record(file.parent)
