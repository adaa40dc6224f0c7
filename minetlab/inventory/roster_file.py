"""The roster's file: changed under a lock, whole or not at all."""

from collections.abc import Callable
from pathlib import Path

from minetlab.util.errors import LabError
from minetlab.util.files import alone, rewrite


def change(path: Path, changed: Callable[[bytes], bytes]) -> None:
    """Put the roster through a function and write what comes of it, in the file's own mode.

    :raises LabError: it cannot be read or written, or the function's own: nothing is written then.
    """
    try:
        with alone(path.resolve().parent):
            before = path.read_bytes()
            after = changed(before)
            if after != before:
                rewrite(path, after)
    except OSError as error:
        raise LabError(
            f"cannot change the roster {path}: {error.strerror}",
            next_step="make the file and its folder readable and writable",
        ) from error
