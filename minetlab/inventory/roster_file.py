"""Change the roster's file."""

from collections.abc import Callable
from pathlib import Path

from minetlab.util.errors import LabError
from minetlab.util.files import lock_folder, rewrite


def change(path: Path, edit: Callable[[bytes], bytes]) -> None:
    """Change the roster in one step, while no other run can change it; the file keeps its mode.

    :param path: the roster's file.
    :param edit: gets the current content and returns the new one; if it fails, nothing is written.
    :raises LabError: the file cannot be read or written, or ``edit`` raises it.
    """
    try:
        with lock_folder(path.resolve().parent):
            before = path.read_bytes()
            after = edit(before)
            if after != before:
                rewrite(path, after)
    except OSError as error:
        raise LabError(
            f"cannot change the roster {path}: {error.strerror}",
            next_step="make the file and its folder readable and writable",
        ) from error
