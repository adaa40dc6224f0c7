"""Replace a student's key in guests that run: a seed gives keys at a guest's first boot only."""

import shlex
from collections.abc import Collection, Iterable
from pathlib import Path

from minetlab.facts.libvirt import EmptyDisks
from minetlab.inventory.hosts import InventoryHost
from minetlab.lab import Lab
from minetlab.machines import status
from minetlab.plan import Guest, Plan
from minetlab.resources.authorized_keys import changed
from minetlab.resources.guests_run import start
from minetlab.ssh.run import run
from minetlab.ssh.ssh_config import alias_of
from minetlab.util.process import TooMuchError

FILE = "~/.ssh/authorized_keys"
MOST_KEYS = 2**20
"""Bytes that are taken of that file: one with more was not written by hand."""
READ = f"test ! -e {FILE} || cat {FILE}"


def in_guests(
    lab: Lab,
    plan: Plan,
    hosts: Iterable[InventoryHost],
    config: Path,
    *,
    add: Collection[str] = (),
    drop: Collection[str] = (),
) -> list[str]:
    """Have the accounts of the plan's students opened by some keys, and by others not; what is left to do.

    A guest that is not there yet gets the keys when it is made, and one that was never on when it is started:
    those of its seed.

    :param hosts: those of the guests.
    :param config: the lab's SSH configuration, in which a guest's name opens the lab's own account there.
    """
    guests = {guest.name: guest for guest in plan.guests}
    hosts = list(hosts)
    found = {each.name: each.state for each in status.states(lab, plan, hosts, config) if each.name in guests}
    off = [guests[name] for name, state in found.items() if state == status.OFF]
    new = _never_on(lab, off, hosts, config)
    left = []
    for name, state in found.items():
        if state == status.RUNNING:
            left += [] if _change(config, guests[name], add, drop) else [f"{name} does not answer SSH"]
        elif state == status.SILENT:
            left.append(f"{name}: its host does not answer")
        elif state != status.MISSING and name not in new:
            left.append(f"{name} is {state}{_how_to_start(guests[name])}")
    return left


def _never_on(
    lab: Lab, off: Collection[Guest], hosts: Iterable[InventoryHost], config: Path
) -> frozenset[str]:
    """Which of these guests have nothing on their disk, and with it no key."""
    empty: frozenset[str] = frozenset()
    for host in hosts:
        if names := tuple(guest.name for guest in off if guest.host == host.name):
            empty |= status.ask(EmptyDisks(), host, config, lab=lab.name, guests=names) or frozenset()
    return empty


def _how_to_start(guest: Guest) -> str:
    return "" if guest.to_run else f" ({start(guest.name, alias_of(guest.host))})"


def _change(config: Path, guest: Guest, add: Collection[str], drop: Collection[str]) -> bool:
    there = _as_student(config, guest, READ)
    if there is None:
        return False
    wanted = changed(there, add, drop)
    return wanted == there or _as_student(config, guest, _write(wanted), wanted) is not None


def _write(text: str) -> str:
    """The script that puts its standard input in place of the file, if all of it has arrived."""
    new = f"{FILE}.new"
    return (
        f"umask 077 && mkdir -p ~/.ssh && cat >{new} && "
        f'test "$(wc -c <{new})" -eq {len(text.encode())} && mv -f {new} {FILE}'
    )


def _as_student(config: Path, guest: Guest, script: str, given: str = "") -> str | None:
    """What a script prints in the student's account; None: it failed, or the guest does not answer."""
    line = shlex.join(["sudo", "-n", "-H", "-u", guest.student.login, "--", "sh", "-c", script])
    try:
        ended = run(config, guest.name, line, status.LIMIT, given=given, most=MOST_KEYS)
    except (TimeoutError, TooMuchError):
        return None
    return ended.output if ended.status == 0 else None
