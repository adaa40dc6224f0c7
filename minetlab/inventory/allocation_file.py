"""The allocation file: beside the roster, and committed with it."""

import os
from collections.abc import Callable
from pathlib import Path

from minetlab.lab import Allocation, decode, parse_allocation
from minetlab.util.errors import LabError
from minetlab.util.files import alone

FILE = "allocation.csv"


def read(path: Path) -> Allocation:
    """The allocation file; an empty one where there is no file yet.

    :raises LabError: it cannot be read.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Allocation(source=str(path))
    except OSError as error:
        raise _cannot("read", path, error) from error
    return parse_allocation(decode(data, str(path)), str(path))


def change(path: Path, changed: Callable[[Allocation], Allocation]) -> None:
    """Put the allocation file through a function and write what comes of it: whole, or not at all.

    :raises LabError: it cannot be read or written, or the function's own.
    """
    try:
        with alone(path.parent):
            new = changed(read(path))
            partial = path.with_name(f".{path.name}.{os.getpid()}")
            with partial.open("w", encoding="utf-8") as file:
                file.write(new.text)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
    except OSError as error:
        raise _cannot("write", path, error) from error


def _cannot(do: str, path: Path, error: OSError) -> LabError:
    return LabError(
        f"cannot {do} the allocation file {path}: {error.strerror}",
        next_step="the lab keeps there who has what: make the file and its folder readable and writable",
    )
