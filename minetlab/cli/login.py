"""``lab ssh`` and ``lab console``: log into a machine, by its name or its student's login."""

import sys
from functools import partial
from pathlib import Path

import typer

from minetlab.cli.options import lab_command
from minetlab.facts.libvirt import VIRSH, LibvirtState
from minetlab.inventory.load import load
from minetlab.machines import reachability
from minetlab.machines.names import alias_meant, guest_meant
from minetlab.machines.status import ask
from minetlab.plan import Guest
from minetlab.resources.guests import reason_off, start_hint
from minetlab.ssh.ssh_config import alias_of, write_config
from minetlab.util.errors import LabError
from minetlab.util.process import become

# The default of virsh(1), --escape.
HOW_TO_LEAVE = (
    "To leave: Ctrl and ] together (on a French keyboard: Ctrl, AltGr and ). Enter shows the prompt.)"
)


def ssh(inventory_file: Path, machine: str, command: list[str]) -> None:
    """Replace this process by an ssh to a host, a guest or a container.

    :param inventory_file: the inventory of the lab.
    :param machine: a name as ``lab up`` shows it; or a student's login, which means their guest or, if they
        have none, their first container.
    :param command: the command to run there, whose words ssh joins with spaces; empty: log in.
    :raises LabError: there is no such machine and no such student, or it is a guest that is off on purpose.
    """
    loaded = load(inventory_file)
    config = write_config(loaded)
    alias = alias_meant(machine, loaded.plan, {alias_of(host.name) for host in loaded.hosts})
    guests = [guest for guest in loaded.plan.guests if guest.name == alias]
    if kept_off := reachability.kept_off(config, loaded.hosts, guests):
        raise _off_error(kept_off[0])
    become(["ssh", "-F", str(config), alias, *command])


def console(inventory_file: Path, machine: str) -> None:
    """Replace this process by ``virsh console`` on the guest's host.

    :param inventory_file: the inventory of the lab.
    :param machine: a guest's name, or its student's login.
    :raises LabError: there is no such guest, its host does not answer, it does not run, or standard input is
        not a terminal.
    """
    loaded = load(inventory_file)
    lab = loaded.lab.name
    guest = guest_meant(machine, loaded.plan)
    config = write_config(loaded)
    (host,) = (host for host in loaded.hosts if host.name == guest.host)
    alias = alias_of(host.name)
    command = partial(lab_command, inventory_file)
    observed = ask(LibvirtState(), host, config, lab=lab)
    if observed is None:
        raise LabError(f"{alias} does not answer", next_step=f"see why: {command('ssh', alias)}")
    is_running = {domain.name: domain.active for domain in observed.domains_of(lab)}
    if is_running.get(guest.name) is False and not guest.to_run:
        raise _off_error(guest)
    if not is_running.get(guest.name):
        state = "is shut off" if guest.name in is_running else "does not exist"
        raise LabError(
            f"{alias}: {guest.name} {state}",
            next_step=f"bring it up: {command('up')}; or make it anew, which loses what is in it: "
            f"{command('reset', guest.student.login)}",
        )
    if not sys.stdin.isatty():
        raise LabError("a console needs a terminal", next_step="run this command in a terminal")
    typer.echo(f"{guest.name} on {alias}. {HOW_TO_LEAVE}")
    sudo = "sudo " if host.data.get("_sudo") else ""
    become(["ssh", "-t", "-F", str(config), alias, f"{sudo}{VIRSH} console {guest.name}"])


def _off_error(guest: Guest) -> LabError:
    alias = alias_of(guest.host)
    return LabError(
        f"{guest.name} does not run, as {reason_off(alias)}", next_step=start_hint(guest.name, alias)
    )
