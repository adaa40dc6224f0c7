"""Ask hosts which of their machines cannot answer, so that nobody waits for those."""

from collections.abc import Collection, Iterable
from pathlib import Path

from minetlab.facts.libvirt import ActiveDomains
from minetlab.inventory.hosts import InventoryHost
from minetlab.machines import status
from minetlab.plan import Guest
from minetlab.resources.guests import reason_off, start_hint
from minetlab.ssh import student_machines
from minetlab.ssh.ssh_config import alias_of
from minetlab.ssh.student_machines import StudentMachine


def out_of_reach(
    config: Path, hosts: Iterable[InventoryHost], machines: Collection[StudentMachine]
) -> dict[str, str]:
    """Find the machines whose host does not answer, or that are off on purpose.

    :param config: the lab's SSH configuration.
    :param hosts: the hosts of the inventory.
    :param machines: the machines to look for.
    :return: the names of the machines out of reach, with the reason.
    """
    silent_hosts = student_machines.silent_hosts(config, machines)
    problems = {
        machine.name: f"its host {alias_of(machine.host)} does not answer: {silent_hosts[machine.host]}"
        for machine in machines
        if machine.host in silent_hosts
    }
    guests = [guest for guest in machines if isinstance(guest, Guest) and guest.name not in problems]
    for guest in kept_off(config, hosts, guests):
        alias = alias_of(guest.host)
        problems[guest.name] = f"off, as {reason_off(alias)} → {start_hint('NAME', alias)}"
    return problems


def kept_off(config: Path, hosts: Iterable[InventoryHost], guests: Collection[Guest]) -> tuple[Guest, ...]:
    """Find the guests that are not to run, and are off.

    Only the hosts of guests that are not to run are asked. If such a host does not answer, its guests do not
    count as off.

    :param config: the lab's SSH configuration.
    :param hosts: the hosts of the inventory.
    :param guests: the guests to look for.
    :return: those of the guests that are off on purpose.
    """
    not_to_run = [guest for guest in guests if not guest.to_run]
    names = {guest.host for guest in not_to_run}
    hosts_to_ask = [host for host in hosts if host.name in names]
    answers = status.on_each(hosts_to_ask, lambda host: status.ask(ActiveDomains(), host, config))
    active_domains = {host.name: answer for host, answer in zip(hosts_to_ask, answers, strict=True)}
    return tuple(
        guest
        for guest in not_to_run
        if active_domains[guest.host] is not None and guest.name not in active_domains[guest.host]
    )
