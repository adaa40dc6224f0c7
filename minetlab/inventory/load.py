"""Make a lab of an inventory's data: all of it is validated, and errors name the file and the field."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self, TypeVar

from pydantic import ValidationError

from minetlab.inventory import allocation_file
from minetlab.inventory.hosts import CONTAINER_HOSTS, KVM_HOSTS, InventoryHost, files_of, read_inventory
from minetlab.lab import (
    ContainerHost,
    ContainerHostSettings,
    KvmHost,
    KvmHostSettings,
    Lab,
    LabSettings,
    Student,
    decode,
    parse_roster,
)
from minetlab.lab.base import Frozen
from minetlab.plan import Plan, allocate
from minetlab.util.errors import LabError
from minetlab.util.files import Version, versions

CHOSEN_STUDENTS = "students"
"""The host data that names the students whom a deploy is for: ``--data students=alice,bob``."""

KNOWN_DATA = frozenset(
    {CHOSEN_STUDENTS}
    | LabSettings.model_fields.keys()
    | KvmHostSettings.model_fields.keys()
    | ContainerHostSettings.model_fields.keys()
)
"""All host data that the lab reads."""

FOREIGN_DATA = re.compile(r"^(_|ssh_|sandbox_|fake_)")
"""Host data that pyinfra's connectors and global arguments read."""

RENAMED = {"portal_port": "site_port"}
"""Old names of host data, and what they are called now."""

Settings = TypeVar("Settings", bound=Frozen)


@dataclass(frozen=True)
class LoadedLab:
    """A lab as an inventory describes it, and its plan.

    :param hosts: the inventory's hosts.
    :param lab: the lab.
    :param plan: its plan.
    """

    hosts: tuple[InventoryHost, ...]
    lab: Lab
    plan: Plan

    @classmethod
    def of(cls, hosts: tuple[InventoryHost, ...]) -> Self:
        """Make the lab and the plan from an inventory's hosts.

        :param hosts: all hosts of an inventory.
        :return: the lab with its plan.
        :raises LabError: the inventory or the roster is wrong, or the hosts have no room for all students.
        """
        lab = load_lab(hosts)
        return cls(hosts, lab, allocate(lab))

    @property
    def roster(self) -> Path:
        """The roster's file."""
        return roster_of(self.hosts)


def load(inventory_file: Path) -> LoadedLab:
    """Load the lab that an inventory's file describes.

    Later calls return the same lab without loading it again, unless one of its files has changed.

    :param inventory_file: the inventory's file.
    :return: the lab with its plan.
    :raises LabError: pyinfra cannot read the inventory, the inventory or the roster is wrong, or the hosts
        have no room for all students.
    """
    roster = roster_of(read_inventory(inventory_file))
    files = (*files_of(inventory_file), roster, roster.with_name(allocation_file.ALLOCATION_FILE))
    return _load(inventory_file, versions(files))


@cache
def _load(inventory_file: Path, files: frozenset[Version]) -> LoadedLab:
    # The files' versions are not used here: they are a part of the cache's key.
    return LoadedLab.of(read_inventory(inventory_file))


def load_lab(hosts: Sequence[InventoryHost]) -> Lab:
    """Make a lab from the inventory's data, the roster that it names, and the allocation file beside that.

    :param hosts: all hosts of an inventory.
    :return: the lab.
    :raises LabError: host data is unknown or wrong, with the file and line that sets it; or the roster or the
        allocation file cannot be read or is wrong.
    """
    for host in hosts:
        _refuse_unknown(host)
    settings = _lab_settings(hosts)
    roster = Path(settings.roster)
    return Lab(
        name=settings.lab_name,
        students=_students(roster),
        require_kvm=any(
            _settings(host, LabSettings).require_kvm for host in hosts if KVM_HOSTS in host.groups
        ),
        student_networks=settings.student_networks,
        kvm_hosts=tuple(
            KvmHost(name=host.name, hostname=_hostname(host), settings=_settings(host, KvmHostSettings))
            for host in hosts
            if KVM_HOSTS in host.groups
        ),
        container_hosts=tuple(
            ContainerHost(
                name=host.name, hostname=_hostname(host), settings=_settings(host, ContainerHostSettings)
            )
            for host in hosts
            if CONTAINER_HOSTS in host.groups
        ),
        allocation=allocation_file.read(roster.with_name(allocation_file.ALLOCATION_FILE)),
    )


def roster_of(hosts: Sequence[InventoryHost]) -> Path:
    """Return the file that an inventory names as its roster.

    :param hosts: all hosts of the inventory.
    :return: the path, as the inventory has it.
    :raises LabError: the inventory has no hosts, or a setting of the lab is wrong.
    """
    return Path(_lab_settings(hosts).roster)


def _lab_settings(hosts: Sequence[InventoryHost]) -> LabSettings:
    if not hosts:
        raise LabError("the inventory has no hosts", next_step="name at least one host in it")
    # These settings are the same for all hosts, but require_kvm, which sandbox hosts do not have.
    return _settings(hosts[0], LabSettings)


def _students(roster: Path) -> tuple[Student, ...]:
    try:
        data = roster.read_bytes()
    except OSError as error:
        raise LabError(
            f"cannot read the roster {roster}: {error}", next_step="set `roster` in group_data/all.py"
        ) from error
    return parse_roster(decode(data, str(roster)), str(roster))


def _settings(host: InventoryHost, model: type[Settings]) -> Settings:
    values = {key: host.data[key] for key in model.model_fields if key in host.data}
    try:
        return model.model_validate(values)
    except ValidationError as error:
        problems = [_describe(host, detail["loc"], detail["msg"]) for detail in error.errors()]
        raise LabError(
            "\n".join(problems), next_step="correct the inventory and run the command again"
        ) from error


def _hostname(host: InventoryHost) -> str | None:
    hostname = None if host.name.startswith("@sandbox/") else host.data.get("ssh_hostname")
    return str(hostname) if hostname else None


def _refuse_unknown(host: InventoryHost) -> None:
    for key in host.data:
        if key in KNOWN_DATA or FOREIGN_DATA.match(key):
            continue
        if key in RENAMED:
            next_step = f"call it {RENAMED[key]}"
        else:
            next_step = f"remove it, or use one of: {', '.join(sorted(KNOWN_DATA))}"
        raise LabError(_describe(host, (key,), "unknown group data"), next_step=next_step)


def _describe(host: InventoryHost, location: tuple[int | str, ...], message: str) -> str:
    field = ".".join(map(str, location))
    place = _place_of(str(location[0]), host) if location else None
    return f"{place or host.name}: {field}: {message}"


def _place_of(key: str, host: InventoryHost) -> str | None:
    """Return the file and line that set a host's data; None if no line is found.

    pyinfra does not say where data comes from. The inventory's folder is that of the roster, or
    ``inventories``. If several groups of a host set the same data, the last group holds, before ``all``.

    :param key: the data's name.
    :param host: a host that has it.
    :return: such as ``inventories/group_data/all.py, line 3``.
    """
    roster = host.data.get("roster")
    folders = [Path(str(roster)).parent] if roster else []
    groups = [*dict.fromkeys(reversed(host.groups)), "all"]
    assignment = re.compile(rf"{re.escape(key)}\s*=")
    for folder in (*folders, Path("inventories")):
        group_files = (folder / "group_data" / f"{group}.py" for group in groups)
        for file in (*filter(Path.is_file, group_files), *sorted(folder.glob("*.py"))):
            for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
                if assignment.match(line):
                    return f"{file}, line {number}"
    return None
