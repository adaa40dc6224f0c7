"""Wait for guests: until they are off, until the next ones may boot, until all answer SSH."""

import time
from collections.abc import Mapping, Sequence
from itertools import chain
from textwrap import indent

from pyinfra.api.host import Host
from pyinfra.api.state import State

from minetlab.facts.libvirt import ActiveDomains, FailedBoots, Files, SshAnswers
from minetlab.operations import observe
from minetlab.operations.commands import attempt, warn
from minetlab.operations.shell import virsh_side_by_side
from minetlab.resources.boots import Boots, boot_limit
from minetlab.resources.layout import Layout
from minetlab.util.names import named
from minetlab.util.process import own_age
from minetlab.util.progress import Heartbeat
from minetlab.util.text import printable

GUEST_POLL_INTERVAL = 2.0
"""Seconds between two requests to a host, where it cannot wait itself."""
WAIT_ON_HOST = 10
"""Seconds for which a host waits until a guest answers; then it is asked whether guests have failed."""
GUEST_SHUTDOWN_LIMIT = 120
"""Seconds that a guest may take to shut down before its power is cut."""
CONSOLES, CONSOLE_LINES = 3, 40
"""Number of guests whose consoles are shown if guests do not come up, and number of lines of each."""
ROOM = 30
"""Characters for names in a progress line."""


def shut_down(state: State, host: Host, names: list[str], failures: list[str]) -> bool:
    """Shut domains down side by side, and cut the power of those that are not off in time.

    :param state: pyinfra's state.
    :param host: their host.
    :param names: names of the domains.
    :param failures: where the output for domains whose power cannot be cut is added.
    :return: always True, so that the operation goes on.
    :raises LabError: the host does not answer any more.
    """
    # A domain that is off by now refuses to be shut down, which is no failure.
    attempt(state, host, virsh_side_by_side([("shutdown", name)] for name in names), [])
    heartbeat = Heartbeat("guests shut down", host.log)
    while late := sorted(observe.fact(ActiveDomains).intersection(names)):
        if heartbeat.elapsed > GUEST_SHUTDOWN_LIMIT:
            warn(f"not off after {GUEST_SHUTDOWN_LIMIT} s, their power is cut: {named(late)}")
            attempt(state, host, virsh_side_by_side([("destroy", name)] for name in late), failures)
            break
        heartbeat.beat(_waiting(late, len(names), "are off"))
        time.sleep(GUEST_POLL_INTERVAL)
    return True


def start_in_turn(state: State, host: Host, lab: str, boots: Boots, failures: list[str]) -> bool:
    """Start guests, each as soon as fewer than the allowed number of guests boot.

    :param state: pyinfra's state.
    :param host: their host.
    :param lab: the lab's name.
    :param boots: the guests to start.
    :param failures: where the output for guests that cannot be started is added.
    :return: always True, so that the operation goes on.
    :raises LabError: the host does not answer any more.
    """
    heartbeat = Heartbeat("guests start", host.log)
    while True:
        if due := boots.due(time.monotonic()):
            attempt(state, host, virsh_side_by_side([("start", name)] for name in due), failures)
        if not boots.waiting:
            return True
        heartbeat.beat(f": {boots}")
        booting = boots.booting
        answering = observe.fact(SshAnswers, addresses=tuple(booting.values()), wait=WAIT_ON_HOST)
        silent = tuple(name for name in booting if booting[name] not in answering)
        failed = observe.fact(FailedBoots, lab=lab, guests=silent, limit=boots.limit) if silent else {}
        boots.done([name for name in booting if name not in silent or name in failed])


def wait_for_ssh(host: Host, lab: str, addresses: dict[str, str]) -> None:
    """Wait until guests answer SSH, and warn of those that will not.

    Only guests that were started during this run are waited for, so that who broke theirs holds up nobody. A
    guest that is missing does not fail its host, whose other machines are no worse for it.

    :param host: their host.
    :param lab: the lab's name.
    :param addresses: guests' names by address.
    :raises LabError: the host does not answer any more.
    """
    heartbeat = Heartbeat("guests boot", host.log)
    silent = dict(addresses)
    while True:
        answering = observe.fact(SshAnswers, addresses=tuple(silent), wait=WAIT_ON_HOST)
        silent = {address: name for address, name in silent.items() if address not in answering}
        if not silent:
            names = named(addresses.values(), room=ROOM)
            host.log(f"SSH answers at {names} ({heartbeat.elapsed:.0f} s)")
            return
        limit = min(boot_limit(observe.kvm(lab)), round(own_age()) + 1)
        failed = observe.fact(FailedBoots, lab=lab, guests=tuple(silent.values()), limit=limit)
        if len(failed) == len(silent):
            warn(_missing(lab, failed))
            return
        heartbeat.beat(_waiting(list(silent.values()), len(addresses), "answer"))


def _waiting(late: Sequence[str], number: int, done: str) -> str:
    """Return the progress of a wait in one short line, whatever the number of guests.

    >>> _waiting(["minet-a"], 1, "answer")
    ': waiting for minet-a'
    >>> _waiting([f"minet-s{index}" for index in range(7, 30)], 30, "answer")
    ': 7 of 30 answer; slowest: minet-s7, minet-s8, minet-s9 and 20 more'
    """
    if number == 1:
        return f": waiting for {late[0]}"
    return f": {number - len(late)} of {number} {done}; slowest: {named(late, room=ROOM)}"


def _missing(lab: str, failed: Mapping[str, str]) -> str:
    """Return what is wrong with guests that will not answer, the end of some consoles, and what to do."""
    problems = {
        "off": "are not running",
        "broken": "cannot boot, as their consoles say",
        "late": "do not answer SSH",
    }
    names_by_reason = {
        reason: [name for name in failed if failed[name] == reason]
        for reason in problems
        if reason in failed.values()
    }
    listed = "; ".join(
        f"guests {problems[reason]}: {named(names)}" for reason, names in names_by_reason.items()
    )
    names = list(chain.from_iterable(names_by_reason.values()))
    paths = tuple(map(Layout(lab).console, names[:CONSOLES]))
    consoles = observe.fact(Files, paths=paths, last=CONSOLE_LINES)
    ends = "".join(
        f"\n  the end of {path}:\n{indent(printable(text.rstrip()), '    ')}"
        for path, text in consoles.items()
    )
    student = names[0].removeprefix(f"{lab}-")
    return (
        f"{listed}{ends}\n  → look at one: ./lab console {student}; "
        f"or make it anew, which loses what is in it: ./lab reset {student}"
    )
