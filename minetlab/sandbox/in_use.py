"""Which things of the image cache hosts and checkpoints stand on.

Several state folders may share one cache, so each says in the cache where its hosts are.
"""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from minetlab.sandbox.machine import RECORD, HostRecord, read_record
from minetlab.util.paths import cache_dir, state_dir


def register() -> None:
    """Have the cache know this state folder, whose hosts stand on images of it."""
    folder = cache_dir() / "users"
    folder.mkdir(exist_ok=True)
    state = str(state_dir())
    (folder / hashlib.sha256(state.encode()).hexdigest()[:12]).write_text(state)


def in_use() -> set[Path]:
    """The images and the folders of booted images, in every state folder that is known here."""
    found: set[Path] = set()
    for user in (cache_dir() / "users").glob("*"):
        state = Path(user.read_text())
        if not state.is_dir():
            user.unlink(missing_ok=True)
            continue
        for record in _records(state):
            found |= {record.image, *([record.booted.parent] if record.booted else [])}
    return found


def _records(state: Path) -> Iterator[HostRecord]:
    """Those of all hosts and checkpoints; what is being put in their place has its own as well."""
    for folders in ("sandbox/*", "sandbox/.*/*", "labs/*/checkpoints/*/*"):
        for file in state.glob(f"{folders}/{RECORD}"):
            with suppress(OSError, ValueError):
                yield read_record(file.parent)
