"""Read and change the allocation file, which is beside the roster and committed with it."""

import os
from collections.abc import Callable
from pathlib import Path

from minetlab.lab import Allocation, decode, parse_allocation
from minetlab.util.errors import LabError
from minetlab.util.files import lock_folder

ALLOCATION_FILE = "allocation.csv"


def read(path: Path) -> Allocation:
    """Read the allocation file.

    :param path: the file.
    :return: what it says; an empty allocation if there is no file yet.
    :raises LabError: the file cannot be read, or a line of it is wrong.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Allocation(source=str(path))
    except OSError as error:
        raise _error("read", path, error) from error
    return parse_allocation(decode(data, str(path)), str(path))


def change(path: Path, edit: Callable[[Allocation], Allocation]) -> None:
    """Change the allocation file in one step, while no other run can change it.

    :param path: the file.
    :param edit: gets the current allocation and returns the new one; if it fails, nothing is written.
    :raises LabError: the file cannot be read or written, a line of it is wrong, or ``edit`` raises it.
    """
    try:
        with lock_folder(path.parent):
            new = edit(read(path))
            partial = path.with_name(f".{path.name}.{os.getpid()}")
            with partial.open("w", encoding="utf-8") as file:
                file.write(new.text)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
    except OSError as error:
        raise _error("write", path, error) from error


def _error(verb: str, path: Path, error: OSError) -> LabError:
    return LabError(
        f"cannot {verb} the allocation file {path}: {error.strerror}",
        next_step="make the file and its folder readable and writable",
    )
