"""Inventory files and the hosts in them, as pyinfra reads them, with all their data.

pyinfra reads them in a process of its own, as its command line patches Python's I/O for gevent.
"""

import atexit
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from minetlab.util.errors import LabError
from minetlab.util.files import Version, versions
from minetlab.util.process import Process, TooMuchError, end, read_to_end, start

KVM_HOSTS, CONTAINER_HOSTS = "kvm_hosts", "container_hosts"
LIMIT = 120.0
"""Seconds that pyinfra may take to read an inventory."""

_ANOTHER_INVENTORY = "correct it, or name another one with --inventory"
_begun: dict[Path, Process] = {}


@dataclass(frozen=True)
class InventoryHost:
    """One host as pyinfra's inventory gives it: all its data merged."""

    name: str
    groups: tuple[str, ...]
    data: Mapping[str, Any]


def begin_to_read(inventory: Path) -> None:
    """Have an inventory be read while this process does something else; nothing where there is none."""
    if inventory.is_file() and inventory not in _begun:
        _begun[inventory] = _start(inventory)


def read_inventory(inventory: Path) -> tuple[InventoryHost, ...]:
    """Read an inventory file as pyinfra does, without connecting to anything.

    It is read once, however many parts of a command ask, as long as none of its files changes.

    :raises LabError: where pyinfra cannot read it, with pyinfra's own words.
    """
    if not inventory.is_file():
        raise LabError(
            f"cannot read the inventory {inventory}: there is no such file", next_step=_ANOTHER_INVENTORY
        )
    return _read(inventory, versions(files_of(inventory)))


def files_of(inventory: Path) -> tuple[Path, ...]:
    """The files that an inventory may be made of: it, those beside it, and its group data."""
    return (*inventory.parent.glob("*.py"), *inventory.parent.glob("group_data/*.py"))


@cache
def _read(inventory: Path, files: frozenset[Version]) -> tuple[InventoryHost, ...]:
    """The same, of files as they are now."""
    with _begun.pop(inventory, None) or _start(inventory) as process:
        try:
            output, errors = read_to_end(process, LIMIT, in_all=LIMIT)
        except TimeoutError:
            raise LabError(
                f"cannot read the inventory {inventory} within {LIMIT:.0f} s",
                next_step="see what its files wait for: they are Python programs",
            ) from None
        except TooMuchError as error:
            raise LabError(
                f"cannot read the inventory {inventory}: {error}", next_step=_ANOTHER_INVENTORY
            ) from None
        finally:
            process.kill()  # does nothing to one that has ended
    if process.returncode != 0:
        raise LabError(
            f"cannot read the inventory {inventory}\n{errors.decode(errors='replace').strip()}",
            next_step=_ANOTHER_INVENTORY,
        )
    return tuple(
        InventoryHost(host["name"], tuple(host["groups"]), host["data"]) for host in json.loads(output)
    )


def _start(inventory: Path) -> Process:
    return start([sys.executable, "-m", "pyinfra", str(inventory), "debug-inventory", "--json"])


@atexit.register
def _end_all() -> None:
    """Leave nothing behind that nobody wants any more."""
    for process in _begun.values():
        end(process)
