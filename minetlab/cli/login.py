"""``lab ssh`` and ``lab console``: onto any machine of the lab, by its name or its student's login."""

import sys
from functools import partial
from pathlib import Path

import typer

from minetlab.cli.options import typed
from minetlab.facts.libvirt import VIRSH, LibvirtState
from minetlab.inventory.load import load
from minetlab.machines import reachability
from minetlab.machines.names import alias_meant, guest_meant
from minetlab.machines.status import ask
from minetlab.plan import Guest
from minetlab.resources.guests_run import start, why
from minetlab.ssh.ssh_config import alias_of, write_config
from minetlab.util.errors import LabError
from minetlab.util.process import become

# virsh(1): --escape is telnet's ^] by default.
HOW_TO_LEAVE = (
    "To leave: Ctrl and ] together (on a French keyboard: Ctrl, AltGr and ). Enter shows the prompt.)"
)


def ssh(inventory_file: Path, machine: str, command: list[str]) -> None:
    """Become an ssh to a host, a guest or a container.

    :param machine: a name as ``lab up`` shows it; or a student's login: their guest, or else their first
        container.
    :param command: what a shell there is to run, its words joined by spaces as ssh does; empty: log in.
    :raises LabError: there is no such machine and no such student, or it is a guest that is off on purpose.
    """
    loaded = load(inventory_file)
    config = write_config(loaded)
    alias = alias_meant(machine, loaded.plan, {alias_of(host.name) for host in loaded.hosts})
    meant = [guest for guest in loaded.plan.guests if guest.name == alias]
    if kept_off := reachability.kept_off(config, loaded.hosts, meant):
        raise _off(kept_off[0])
    ssh = ["ssh", "-F", str(config), alias, *command]
    become(ssh)


def console(inventory_file: Path, machine: str) -> None:
    """Become a ``virsh console`` on the guest's host.

    :param machine: a guest's name, or its student's login.
    :raises LabError: there is no such guest, its host does not answer, it does not run; or this is a script.
    """
    loaded = load(inventory_file)
    lab = loaded.lab.name
    guest = guest_meant(machine, loaded.plan)
    config = write_config(loaded)
    (host,) = (each for each in loaded.hosts if each.name == guest.host)
    alias = alias_of(host.name)
    command = partial(typed, inventory_file)
    observed = ask(LibvirtState(), host, config, lab=lab)
    if observed is None:
        raise LabError(f"{alias} does not answer", next_step=f"see why: {command('ssh', alias)}")
    running = {domain.name: domain.active for domain in observed.domains_of(lab)}
    if running.get(guest.name) is False and not guest.to_run:
        raise _off(guest)
    if not running.get(guest.name):
        state = "is shut off" if guest.name in running else "is not there"
        raise LabError(
            f"{alias}: {guest.name} {state}",
            next_step=f"bring it up: {command('up')}; or make it anew, which loses what is in it: "
            f"{command('reset', guest.student.login)}",
        )
    if not sys.stdin.isatty():
        raise LabError("a console is for a terminal, and this is none", next_step="run it in a terminal")
    typer.echo(f"{guest.name} on {alias}. {HOW_TO_LEAVE}")
    sudo = "sudo " if host.data.get("_sudo") else ""
    ssh = ["ssh", "-t", "-F", str(config), alias, f"{sudo}{VIRSH} console {guest.name}"]
    become(ssh)


def _off(guest: Guest) -> LabError:
    alias = alias_of(guest.host)
    return LabError(f"{guest.name} does not run, as {why(alias)}", next_step=start(guest.name, alias))
