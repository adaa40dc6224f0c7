"""Read the hosts of an inventory file, with all their data, by pyinfra itself.

pyinfra runs in a process of its own, as its command line patches Python's I/O for gevent.
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
"""The inventory's groups."""
SANDBOX_PREFIX = "@sandbox/"
SSH = "@ssh/"
"""Prefixes of hosts in the inventory, which choose pyinfra's connector."""
DEFAULT_INVENTORY = Path("inventories/lab.py")
STRICT_CHECKING = {"ssh_strict_host_key_checking": "yes"}
"""The host data with which pyinfra believes no host whose key it does not know."""
READ_LIMIT = 120.0
"""Seconds that pyinfra may take to read an inventory."""

_ANOTHER_INVENTORY = "correct it, or name another one with --inventory"
_started: dict[Path, Process] = {}
"""The processes of :func:`begin_to_read` whose output nobody has read yet."""


@dataclass(frozen=True)
class InventoryHost:
    """A host of a pyinfra inventory.

    :param name: its name in the inventory, with the connector if there is one, such as ``@sandbox/hv1``.
    :param groups: its groups.
    :param data: its data and that of its groups, merged by pyinfra.
    """

    name: str
    groups: tuple[str, ...]
    data: Mapping[str, Any]

    @property
    def is_real(self) -> bool:
        """Whether pyinfra reaches it by plain SSH, and not by a connector such as that of the sandbox."""
        return not self.name.startswith("@") or self.name.startswith(SSH)


def begin_to_read(inventory: Path) -> None:
    """Start to read an inventory in the background, if the file exists and this has not begun yet."""
    if inventory.is_file() and inventory not in _started:
        _started[inventory] = _start(inventory)


def read_inventory(inventory: Path) -> tuple[InventoryHost, ...]:
    """Read an inventory file as pyinfra does, without connecting to anything.

    Later calls return the same hosts without reading it again, unless one of its files has changed.

    :param inventory: the inventory's file.
    :return: its hosts.
    :raises LabError: the file does not exist, or pyinfra cannot read it (with pyinfra's errors) or takes too
        long.
    """
    if not inventory.is_file():
        raise LabError(
            f"cannot read the inventory {inventory}: there is no such file", next_step=_ANOTHER_INVENTORY
        )
    return _read(inventory, versions(files_of(inventory)))


def files_of(inventory: Path) -> tuple[Path, ...]:
    """Return the files that an inventory may be made of: the Python files beside it, and its group data."""
    return (*inventory.parent.glob("*.py"), *inventory.parent.glob("group_data/*.py"))


@cache
def _read(inventory: Path, files: frozenset[Version]) -> tuple[InventoryHost, ...]:
    # The files' versions are not used here: they are a part of the cache's key.
    with _started.pop(inventory, None) or _start(inventory) as process:
        try:
            output, errors = read_to_end(process, READ_LIMIT, total_limit=READ_LIMIT)
        except TimeoutError:
            raise LabError(
                f"cannot read the inventory {inventory} within {READ_LIMIT:.0f} s",
                next_step="see what its files wait for: they are Python programs",
            ) from None
        except TooMuchError as error:
            raise LabError(
                f"cannot read the inventory {inventory}: {error}", next_step=_ANOTHER_INVENTORY
            ) from None
        finally:
            end(process)
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
    """End the processes whose output was not needed."""
    for process in _started.values():
        end(process)
