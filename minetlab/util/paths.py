"""The folders where the project keeps its files on this machine.

The folders follow the XDG Base Directory specification; ``MINETLAB_CACHE`` and ``MINETLAB_STATE`` move them.
"""

import os
from functools import cache
from pathlib import Path

from minetlab.util.errors import LabError

PROJECT_ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = PROJECT_ROOT / "templates"


def cache_dir() -> Path:
    """Return the folder of what can be made again: disk images, tools. Safe to delete while nothing runs."""
    return _folder("MINETLAB_CACHE", "XDG_CACHE_HOME", ".cache")


def state_dir() -> Path:
    """Return the folder of what cannot be made again: keys, passwords, and the sandbox hosts' disks."""
    return _folder("MINETLAB_STATE", "XDG_STATE_HOME", ".local/state")


def _folder(own_variable: str, xdg_variable: str, default: str) -> Path:
    if chosen := os.environ.get(own_variable):
        return _make(Path(chosen))
    return _make(Path(os.environ.get(xdg_variable) or Path.home() / default) / "minet-lab")


# Cached, as a deploy asks for the folder several times for each student.
@cache
def _make(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise LabError(
            f"{folder} cannot be used as a folder: {error.strerror}",
            next_step="choose another one by MINETLAB_CACHE or MINETLAB_STATE",
        ) from error
    return folder
