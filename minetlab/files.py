"""Files for this user alone: written whole or not at all."""

import os
import tempfile
from pathlib import Path

from minetlab.errors import LabError


def make_folder(folder: Path, *, private: bool = False) -> None:
    """Make a folder, and those that it is in, where they are missing.

    :param private: mode 0700, also of one that is there.
    :raises LabError: that cannot be.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700 if private else 0o777)
        if private:
            folder.chmod(0o700)
    except OSError as error:
        raise _refused(folder, error) from error


def write_private(path: Path, content: str | bytes) -> None:
    """Write a file, mode 0600, in one step.

    :raises LabError: that cannot be.
    """
    try:
        descriptor, new = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp: mode 0600
        with os.fdopen(descriptor, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        Path(new).replace(path)
    except OSError as error:
        raise _refused(path, error) from error


def _refused(path: Path, error: OSError) -> LabError:
    return LabError(
        f"cannot write {path}: {error.strerror}", next_step="make room there, or name another folder"
    )
