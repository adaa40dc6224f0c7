"""From the inventory's data to the lab: validated once, at load, with errors that name file and field."""

import json
import re
import subprocess
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pyinfra import context
from pyinfra.api.exceptions import InventoryError

from minetlab.inventory import allocation_file, process
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
from minetlab.util.names import named, suggestion

KVM_HOSTS, CONTAINER_HOSTS = "kvm_hosts", "container_hosts"
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

_ANOTHER_INVENTORY = "correct it, or name another one with --inventory"

Settings = TypeVar("Settings", bound=Frozen)


@dataclass(frozen=True)
class InventoryHost:
    """One host as pyinfra's inventory gives it: all its data merged."""

    name: str
    groups: tuple[str, ...]
    data: Mapping[str, Any]


@cache
def current() -> tuple[Lab, Plan]:
    """The lab and plan of the running pyinfra deploy.

    :raises InventoryError: pyinfra shows it without a traceback and ends the run before anything is touched.
    """
    hosts = [
        InventoryHost(host.name, tuple(host.groups), host.data.dict())  # type: ignore[no-untyped-call]
        for host in context.inventory
    ]
    try:
        lab = load(hosts)
        return lab, allocate(lab)
    except LabError as error:
        raise InventoryError(str(error)) from error


def chosen() -> Plan:
    """The plan of the running deploy, of the students only whom ``--data students=alice,bob`` names.

    :raises InventoryError: nobody is named, or somebody who is not in the roster.
    """
    lab, plan = current()
    try:
        return of_students(lab, plan, _chosen_logins())
    except LabError as error:
        raise InventoryError(str(error)) from error


def others() -> tuple[Lab, Plan]:
    """The lab and plan of the running deploy, of all students but those."""
    lab, plan = current()
    gone = _chosen_logins()
    students = tuple(student for student in lab.students if student.login not in gone)
    return lab.model_copy(update={"students": students}), plan.of({each.login for each in students})


def _chosen_logins() -> set[str]:
    given = str(next(iter(context.inventory)).data.get(CHOSEN) or "")
    return {login.strip() for login in given.split(",")} - {""}


def of_students(lab: Lab, plan: Plan, logins: Collection[str]) -> Plan:
    """What these students have of a plan.

    :raises LabError: there is none, or one who is not in the roster.
    """
    known = sorted(student.login for student in lab.students)
    if not logins or not set(logins) <= set(known):
        unknown = named(sorted(set(logins) - set(known)))
        raise LabError(
            f"not in the roster: {unknown}" if unknown else "no student is named",
            next_step=suggestion(set(logins) - set(known), known),
        )
    return plan.of(logins)


def load(hosts: Iterable[InventoryHost]) -> Lab:
    """Validate the inventory's data; read the roster it names, and the allocation file beside that.

    :raises LabError: for unknown or wrong data, with the file and line that sets it.
    """
    hosts = list(hosts)
    if not hosts:
        raise LabError("the inventory has no hosts", next_step="name at least one host in it")
    for host in hosts:
        _refuse_unknown(host)
    lab = _settings(hosts[0], LabSettings)
    roster = roster_of(hosts)
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
    return Path(_settings(next(iter(hosts)), LabSettings).roster)


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


def read(inventory: Path) -> tuple[InventoryHost, ...]:
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
