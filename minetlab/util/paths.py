"""Where the project keeps things on the machine it is run from: nothing is written elsewhere.

The folders follow the XDG Base Directory specification; ``MINETLAB_CACHE`` and ``MINETLAB_STATE`` move them.
"""

import os
from functools import cache
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = PROJECT_ROOT / "templates"


def cache_dir() -> Path:
    """Things that can be made again: disk images, tools. Safe to delete while nothing runs."""
    return _folder("MINETLAB_CACHE", "XDG_CACHE_HOME", ".cache")


def state_dir() -> Path:
    """Things that cannot: keys (mode 0600), the disks and sockets of running sandbox hosts."""
    return _folder("MINETLAB_STATE", "XDG_STATE_HOME", ".local/state")


def _folder(own: str, xdg: str, default: str) -> Path:
    chosen = os.environ.get(own)
    return _made(Path(chosen) if chosen else Path(os.environ.get(xdg) or Path.home() / default) / "minet-lab")


# Cached, as a deploy asks for the folder several times for each student.
@cache
def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder
