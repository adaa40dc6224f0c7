"""Inventory files and the hosts in them, as pyinfra reads them, with all their data."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from minetlab.inventory import process
from minetlab.util.errors import LabError

KVM_HOSTS, CONTAINER_HOSTS = "kvm_hosts", "container_hosts"


_ANOTHER_INVENTORY = "correct it, or name another one with --inventory"


@dataclass(frozen=True)
class InventoryHost:
    """One host as pyinfra's inventory gives it: all its data merged."""

    name: str
    groups: tuple[str, ...]
    data: Mapping[str, Any]


def read_inventory(inventory: Path) -> tuple[InventoryHost, ...]:
    """Read an inventory file as pyinfra does, without connecting to anything.

    It is read once, however many parts of a command ask, as long as none of its files changes.

    :raises LabError: where pyinfra cannot read it, with pyinfra's own words.
    """
    if not inventory.is_file():
        raise LabError(
            f"cannot read the inventory {inventory}: there is no such file", next_step=_ANOTHER_INVENTORY
        )
    files = (*inventory.parent.glob("*.py"), *inventory.parent.glob("group_data/*.py"))
    return _read(inventory, frozenset((file, file.stat().st_mtime_ns, file.stat().st_size) for file in files))


@cache
def _read(inventory: Path, files: frozenset[tuple[Path, int, int]]) -> tuple[InventoryHost, ...]:
    """The same, of files as they are now."""
    try:
        result = process.result(inventory)
    except subprocess.TimeoutExpired:
        raise LabError(
            f"cannot read the inventory {inventory} within {process.LIMIT:.0f} s",
            next_step="see what its files wait for: they are Python programs",
        ) from None
    if result.returncode != 0:
        raise LabError(
            f"cannot read the inventory {inventory}\n{result.stderr.strip()}", next_step=_ANOTHER_INVENTORY
        )
    return tuple(
        InventoryHost(host["name"], tuple(host["groups"]), host["data"]) for host in json.loads(result.stdout)
    )
