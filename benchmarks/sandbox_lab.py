"""Write a lab on sandbox hosts, with a roster of its own, for measurements and tests."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from minetlab.util.paths import PROJECT_ROOT

_COLUMNS = "login,name,email,ssh_key,group,language\n"
_STUDENTS = (
    "alice,Alice Exemple,alice@example.org,,Groupe 1,fr\n",
    "bob,Bob Exemple,bob@example.org,,Groupe 2,en\n",
)


def write_sandbox_lab(folder: Path, hosts: Mapping[str, Any] | None = None, students: int = 2) -> Path:
    """Write a lab's inventory, settings and roster.

    The settings are those of ``inventories/group_data``. The hosts are always sandbox hosts, as an
    administrator may have named real hosts in ``inventories/lab.py``.

    :param folder: the folder to make and write to.
    :param hosts: the host data of both hosts.
    :param students: how many students the roster has, two at most.
    :return: the inventory file.
    """
    shutil.copytree(PROJECT_ROOT / "inventories" / "group_data", folder / "group_data")
    (folder / "students.csv").write_text(_COLUMNS + "".join(_STUDENTS[:students]))
    inventory = folder / "lab.py"
    data = dict(hosts or {})
    inventory.write_text(
        f"kvm_hosts = [('@sandbox/hv1', {data!r})]\ncontainer_hosts = [('@sandbox/ct1', {data!r})]\n"
    )
    return inventory
