"""Names that a shell completes, from the lab of the inventory that is on the command line."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import typer

from minetlab.inventory.hosts import DEFAULT_INVENTORY, begin_to_read
from minetlab.util.errors import LabError

if TYPE_CHECKING:
    from minetlab.inventory.load import LoadedLab


def logins(context: typer.Context, incomplete: str) -> list[str]:
    """Return the students' logins that begin with ``incomplete``."""
    loaded = _loaded(context)
    return _beginning(incomplete, _logins(loaded)) if loaded else []


def guests(context: typer.Context, incomplete: str) -> list[str]:
    """Return the names of guests and the students' logins that begin with ``incomplete``."""
    loaded = _loaded(context)
    if not loaded:
        return []
    return _beginning(incomplete, [*_logins(loaded), *(guest.name for guest in loaded.plan.guests)])


def machines(context: typer.Context, incomplete: str) -> list[str]:
    """Return the names of machines and the students' logins that begin with ``incomplete``."""
    loaded = _loaded(context)
    if not loaded:
        return []
    from minetlab.ssh.ssh_config import alias_of

    hosts = (alias_of(host.name) for host in loaded.hosts)
    names = (machine.name for machine in loaded.plan.machines)
    return _beginning(incomplete, [*hosts, *_logins(loaded), *names])


def tps(context: typer.Context, incomplete: str) -> list[str]:
    """Return the TPs of students' containers that begin with ``incomplete``."""
    loaded = _loaded(context)
    if not loaded:
        return []
    return _beginning(incomplete, {container.tp_image for container in loaded.plan.containers})


def claims(incomplete: str) -> list[str]:
    """Return the ids of the course's claims that begin with ``incomplete``."""
    from minetlab.claims.claims import BY_ID

    return _beginning(incomplete, BY_ID)


def _loaded(context: typer.Context) -> "LoadedLab | None":
    """Load the lab; return None if it cannot be read, as completion has no place to show an error."""
    inventory = context.params.get("inventory") or DEFAULT_INVENTORY
    begin_to_read(inventory)
    from minetlab.inventory.load import load

    try:
        return load(inventory)
    except LabError:
        return None


def _logins(loaded: "LoadedLab") -> list[str]:
    return [student.login for student in loaded.lab.students]


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if name.startswith(incomplete))
