"""Which of the lab's machines nobody need wait for: their hosts say so beforehand."""

from collections.abc import Collection, Iterable
from pathlib import Path

from minetlab.facts.libvirt import ActiveDomains
from minetlab.inventory.hosts import InventoryHost
from minetlab.machines import status
from minetlab.plan import Guest
from minetlab.resources.guests_run import start, why
from minetlab.ssh import student_machines
from minetlab.ssh.ssh_config import alias_of
from minetlab.ssh.student_machines import StudentMachine


def out_of_reach(
    config: Path, hosts: Iterable[InventoryHost], machines: Collection[StudentMachine]
) -> dict[str, str]:
    """Those of these machines whose host does not answer, or that are off on purpose: by name, with why.

    :param config: the lab's SSH configuration.
    :param hosts: of the inventory.
    """
    silent = student_machines.silent_hosts(config, machines)
    problems = {
        each.name: f"no answer of its host {alias_of(each.host)}: {silent[each.host]}"
        for each in machines
        if each.host in silent
    }
    guests = [each for each in machines if isinstance(each, Guest) and each.name not in problems]
    for guest in kept_off(config, hosts, guests):
        alias = alias_of(guest.host)
        problems[guest.name] = f"off, as {why(alias)} → {start('NAME', alias)}"
    return problems


def kept_off(config: Path, hosts: Iterable[InventoryHost], guests: Collection[Guest]) -> tuple[Guest, ...]:
    """Those of these guests that are not to run, and do not; only their hosts are asked.

    Of a host that does not answer it is not known: its guests are none of them.
    """
    not_to_run = [guest for guest in guests if not guest.to_run]
    asked = [host for host in hosts if host.name in {guest.host for guest in not_to_run}]
    seen = status.on_each(asked, lambda host: status.ask(ActiveDomains(), host, config))
    running = {host.name: active for host, active in zip(asked, seen, strict=True)}
    return tuple(
        guest
        for guest in not_to_run
        if (active := running[guest.host]) is not None and guest.name not in active
    )
