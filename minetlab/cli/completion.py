"""Names that a shell completes: those of the lab that the inventory on the command line describes."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import typer

from minetlab.cli.options import DEFAULT_INVENTORY
from minetlab.inventory.hosts import begin_to_read
from minetlab.util.errors import LabError

if TYPE_CHECKING:
    from minetlab.inventory.load import LoadedLab


def logins(context: typer.Context, incomplete: str) -> list[str]:
    """The logins of students that begin like this."""
    loaded = _loaded(context)
    return _beginning(incomplete, _logins(loaded)) if loaded else []


def guests(context: typer.Context, incomplete: str) -> list[str]:
    """Guests, and the logins by which they can be named as well."""
    loaded = _loaded(context)
    if not loaded:
        return []
    return _beginning(incomplete, [*_logins(loaded), *(guest.name for guest in loaded.plan.guests)])


def machines(context: typer.Context, incomplete: str) -> list[str]:
    """Hosts, guests and containers, and the logins by which they can be named as well."""
    loaded = _loaded(context)
    if not loaded:
        return []
    from minetlab.ssh.ssh_config import alias_of

    hosts = (alias_of(host.name) for host in loaded.hosts)
    names = (machine.name for machine in loaded.plan.machines)
    return _beginning(incomplete, [*hosts, *_logins(loaded), *names])


def tps(context: typer.Context, incomplete: str) -> list[str]:
    """The TPs that students have containers of."""
    loaded = _loaded(context)
    return _beginning(incomplete, {each.tp_image for each in loaded.plan.containers}) if loaded else []


def claims(incomplete: str) -> list[str]:
    """The claims of the course."""
    from minetlab.claims.claims import BY_ID

    return _beginning(incomplete, BY_ID)


def _loaded(context: typer.Context) -> "LoadedLab | None":
    """The lab; None where it cannot be read: who completes a line is not told why."""
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
