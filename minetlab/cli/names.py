"""Names that a shell completes: those of the lab that the inventory on the command line describes."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import typer

from minetlab.cli.options import DEFAULT_INVENTORY
from minetlab.inventory.hosts import begin_to_read
from minetlab.util.errors import LabError

if TYPE_CHECKING:
    from minetlab.ssh.ssh_config import DescribedLab


def logins(context: typer.Context, incomplete: str) -> list[str]:
    """The logins of students that begin like this."""
    described = _described(context)
    return _beginning(incomplete, _logins(described)) if described else []


def guests(context: typer.Context, incomplete: str) -> list[str]:
    """Guests, and the logins by which they can be named as well."""
    described = _described(context)
    if not described:
        return []
    return _beginning(incomplete, [*_logins(described), *(guest.name for guest in described.plan.guests)])


def machines(context: typer.Context, incomplete: str) -> list[str]:
    """Hosts, guests and containers, and the logins by which they can be named as well."""
    described = _described(context)
    if not described:
        return []
    from minetlab.ssh.ssh_config import alias_of

    hosts = (alias_of(host.name) for host in described.hosts)
    names = (machine.name for machine in described.plan.machines)
    return _beginning(incomplete, [*hosts, *_logins(described), *names])


def tps(context: typer.Context, incomplete: str) -> list[str]:
    """The TPs that students have containers of."""
    described = _described(context)
    return _beginning(incomplete, {each.tp_image for each in described.plan.containers}) if described else []


def claims(incomplete: str) -> list[str]:
    """The claims of the course."""
    from minetlab.claims.claims import BY_ID

    return _beginning(incomplete, BY_ID)


def _described(context: typer.Context) -> "DescribedLab | None":
    """The lab; None where it cannot be read: who completes a line is not told why."""
    inventory = context.params.get("inventory") or DEFAULT_INVENTORY
    begin_to_read(inventory)
    from minetlab.ssh.ssh_config import DescribedLab

    try:
        return DescribedLab.of(inventory)
    except LabError:
        return None


def _logins(described: "DescribedLab") -> list[str]:
    return [student.login for student in described.lab.students]


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if name.startswith(incomplete))
