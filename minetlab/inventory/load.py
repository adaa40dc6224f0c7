"""From the inventory's data to the lab: validated once, at load, with errors that name file and field."""

import re
from collections.abc import Iterable
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

CHOSEN = "students"
"""The data by which a deploy is told whose machines it is for: ``--data students=alice,bob``."""


KNOWN_DATA = frozenset(
    {CHOSEN}
    | LabSettings.model_fields.keys()
    | KvmHostSettings.model_fields.keys()
    | ContainerHostSettings.model_fields.keys()
)


# Data that belongs to pyinfra's connectors and global arguments, not to the lab.
FOREIGN_DATA = re.compile(r"^(_|ssh_|sandbox_|fake_)")


RENAMED = {"portal_port": "site_port"}
"""Data that had another name, and its name now."""


Settings = TypeVar("Settings", bound=Frozen)


@dataclass(frozen=True)
class LoadedLab:
    """A lab as an inventory describes it, and its plan."""

    hosts: tuple[InventoryHost, ...]
    lab: Lab
    plan: Plan

    @classmethod
    def of(cls, hosts: tuple[InventoryHost, ...]) -> Self:
        """The lab of an inventory's hosts.

        :raises LabError: the inventory or the roster is wrong, or students are too many for the hosts.
        """
        lab = load_lab(hosts)
        return cls(hosts, lab, allocate(lab))

    @property
    def roster(self) -> Path:
        """The roster's file."""
        return roster_of(self.hosts)


def load(inventory_file: Path) -> LoadedLab:
    """Load the lab that an inventory's file describes.

    It is loaded once, however many parts of a command ask, as long as none of its files changes.

    :raises LabError: as :meth:`LoadedLab.of`; or pyinfra cannot read the inventory.
    """
    roster = roster_of(read_inventory(inventory_file))
    files = (*files_of(inventory_file), roster, roster.with_name(allocation_file.FILE))
    return _load(inventory_file, versions(files))


@cache
def _load(inventory_file: Path, files: frozenset[Version]) -> LoadedLab:
    """The same, of files as they are now."""
    return LoadedLab.of(read_inventory(inventory_file))


def load_lab(hosts: Iterable[InventoryHost]) -> Lab:
    """Validate the inventory's data; read the roster it names, and the allocation file beside that.

    :raises LabError: for unknown or wrong data, with the file and line that sets it.
    """
    hosts = list(hosts)
    for host in hosts:
        _refuse_unknown(host)
    lab = _lab_settings(hosts)
    roster = Path(lab.roster)
    return Lab(
        name=lab.lab_name,
        students=_students(roster),
        require_kvm=lab.require_kvm,
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
        allocation=allocation_file.read(roster.with_name(allocation_file.FILE)),
    )


def roster_of(hosts: Iterable[InventoryHost]) -> Path:
    """The file that an inventory names as its roster.

    :raises LabError: for wrong data.
    """
    return Path(_lab_settings(hosts).roster)


def _lab_settings(hosts: Iterable[InventoryHost]) -> LabSettings:
    for host in hosts:  # it is the same for all of them
        return _settings(host, LabSettings)
    raise LabError("the inventory has no hosts", next_step="name at least one host in it")


def _students(roster: Path) -> tuple[Student, ...]:
    try:
        data = roster.read_bytes()
    except OSError as error:
        raise LabError(
            f"cannot read the roster {roster}: {error}", next_step="set `roster` in group_data/all.py"
        ) from error
    return parse_roster(decode(data, str(roster)), str(roster))


def _settings(host: InventoryHost, model: type[Settings]) -> Settings:
    given = {key: host.data[key] for key in model.model_fields if key in host.data}
    try:
        return model.model_validate(given)
    except ValidationError as error:
        problems = [_describe(host, each["loc"], each["msg"]) for each in error.errors()]
        raise LabError(
            "\n".join(problems), next_step="correct the inventory and run the command again"
        ) from error


def _hostname(host: InventoryHost) -> str | None:
    given = None if host.name.startswith("@sandbox/") else host.data.get("ssh_hostname")
    return str(given) if given else None


def _refuse_unknown(host: InventoryHost) -> None:
    for key in host.data:
        if key not in KNOWN_DATA and not FOREIGN_DATA.match(key):
            raise LabError(
                _describe(host, (key,), "unknown group data"),
                next_step=f"call it {RENAMED[key]}"
                if key in RENAMED
                else f"remove it, or use one of: {', '.join(sorted(KNOWN_DATA))}",
            )


def _describe(host: InventoryHost, location: tuple[int | str, ...], message: str) -> str:
    field = ".".join(map(str, location))
    where = _where_set(str(location[0]), host) if location else ""
    return f"{where or host.name}: {field}: {message}"


def _where_set(key: str, host: InventoryHost) -> str:
    """The file and line that sets it; the inventory's folder is the roster's, or `inventories`.

    Of a host's groups, the last one that sets it holds, and `all` comes before them (pyinfra's order).
    """
    roster = host.data.get("roster")
    groups = [*dict.fromkeys(reversed(host.groups)), "all"]
    for folder in [*([Path(str(roster)).parent] if roster else []), Path("inventories")]:
        files = [folder / "group_data" / f"{group}.py" for group in groups]
        for file in [*filter(Path.is_file, files), *sorted(folder.glob("*.py"))]:
            for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
                if re.match(rf"{re.escape(key)}\s*=", line):
                    return f"{file}, line {number}"
    return ""
