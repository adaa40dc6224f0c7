"""``lab ssh``: log into any machine of the lab by its name."""

import os
from pathlib import Path

from minetlab import access, inventory
from minetlab.errors import LabError
from minetlab.plan import allocate


def run(inventory_file: Path, machine: str, command: list[str]) -> None:
    """Become an ssh to a host, a guest or a container.

    :param machine: a name as ``lab up`` shows it.
    :param command: what a shell there is to run, its words joined by spaces as ssh does; empty: log in.
    :raises LabError: there is no such machine.
    """
    hosts = inventory.read(inventory_file)
    lab = inventory.load(hosts)
    plan = allocate(lab)
    config = access.write_config(lab, plan, hosts)
    known = {access.alias_of(host.name) for host in hosts}
    known |= {guest.name for guest in plan.guests} | {container.name for container in plan.containers}
    if machine not in known:
        choice = ", ".join(sorted(known))
        raise LabError(f"there is no machine {machine!r} in the lab", next_step=f"choose one of: {choice}")
    ssh = ["ssh", "-F", str(config), machine, *command]
    os.execvp(ssh[0], ssh)  # noqa: S606 - no shell is the point
