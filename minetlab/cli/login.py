"""``lab ssh``: log into any machine of the lab by its name."""

import os
import shlex
from pathlib import Path

from minetlab import access, inventory
from minetlab.errors import LabError
from minetlab.plan import allocate


def run(inventory_file: Path, machine: str, command: list[str]) -> None:
    """Become an ssh to a host, a guest, or a container through its host.

    :param machine: a name as ``lab up`` shows it.
    :param command: what a shell there is to run, its words joined by spaces as ssh does; empty: log in.
    :raises LabError: there is no such machine.
    """
    hosts = inventory.read(inventory_file)
    lab = inventory.load(hosts)
    plan = allocate(lab)
    config = access.write_config(lab, plan, hosts)
    containers = {container.name: container for container in plan.containers}
    reachable = {access.alias_of(host.name) for host in hosts} | {guest.name for guest in plan.guests}
    ssh = ["ssh", "-F", str(config)]
    if machine in containers:
        run = ["-i", machine, "sh", "-c", " ".join(command)] if command else ["-it", machine, "zsh"]
        terminal = [] if command else ["-t"]
        ssh += [*terminal, access.alias_of(containers[machine].host), shlex.join(["docker", "exec", *run])]
    elif machine in reachable:
        ssh += [machine, *command]
    else:
        known = ", ".join(sorted(reachable | containers.keys()))
        raise LabError(f"there is no machine {machine!r} in the lab", next_step=f"choose one of: {known}")
    os.execvp(ssh[0], ssh)  # noqa: S606 - no shell is the point
