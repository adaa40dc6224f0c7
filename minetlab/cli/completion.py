"""Names that a shell completes, from the lab of the inventory that is on the command line.

Typer itself keeps those that begin with what is already typed.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import typer

from minetlab.inventory.hosts import DEFAULT_INVENTORY, begin_to_read
from minetlab.util.errors import LabError

if TYPE_CHECKING:
    from minetlab.inventory.load import LoadedLab


def logins(context: typer.Context) -> list[str]:
    """Return the students' logins."""
    return _of_lab(context, _logins)


def guests(context: typer.Context) -> list[str]:
    """Return the names of guests and the students' logins."""
    return _of_lab(context, lambda loaded: [*_logins(loaded), *(guest.name for guest in loaded.plan.guests)])


def machines(context: typer.Context) -> list[str]:
    """Return the names of machines and the students' logins."""

    def names(loaded: "LoadedLab") -> list[str]:
        from minetlab.ssh.ssh_config import alias_of

        hosts = (alias_of(host.name) for host in loaded.hosts)
        return [*hosts, *_logins(loaded), *(machine.name for machine in loaded.plan.machines)]

    return _of_lab(context, names)


def tps(context: typer.Context) -> list[str]:
    """Return the TPs of students' containers."""
    return _of_lab(context, lambda loaded: {container.tp_image for container in loaded.plan.containers})


def claims() -> list[str]:
    """Return the ids of the course's claims."""
    from minetlab.claims.claims import BY_ID

    return sorted(BY_ID)


def _of_lab(context: typer.Context, names: Callable[["LoadedLab"], Iterable[str]]) -> list[str]:
    """Return names of the lab; none if it cannot be read, as completion has no place to show an error."""
    inventory = context.params.get("inventory") or DEFAULT_INVENTORY
    begin_to_read(inventory)
    from minetlab.inventory.load import load

    try:
        return sorted(names(load(inventory)))
    except LabError:
        return []


def _logins(loaded: "LoadedLab") -> list[str]:
    return [student.login for student in loaded.lab.students]
