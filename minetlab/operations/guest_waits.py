"""Wait for guests: until they are off, until the next ones may boot, until all answer SSH."""

import time
from collections.abc import Iterable, Mapping, Sequence
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
from minetlab.util.errors import LabError
from minetlab.util.names import named
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
        failed = observe.fact(FailedBoots, lab=lab, guests=silent) if silent else {}
        boots.done([name for name in booting if name not in silent or name in failed])


def wait_for_ssh(host: Host, lab: str, addresses: dict[str, str]) -> None:
    """Wait until guests answer SSH, or until all the others have failed or the time is over.

    :param host: their host.
    :param lab: the lab's name.
    :param addresses: guests' names by address.
    :raises LabError: some do not answer; it names them, with the end of some consoles.
    """
    heartbeat = Heartbeat("guests boot", host.log)
    late = dict(addresses)
    while True:
        answering = observe.fact(SshAnswers, addresses=tuple(late), wait=WAIT_ON_HOST)
        late = {address: name for address, name in late.items() if address not in answering}
        if not late:
            names = named(addresses.values(), room=ROOM)
            host.log(f"SSH answers at {names} ({heartbeat.elapsed:.0f} s)")
            return
        failed = observe.fact(FailedBoots, lab=lab, guests=tuple(late.values()))
        limit = boot_limit(observe.kvm(lab))
        if len(failed) == len(late) or heartbeat.elapsed > limit:
            raise _not_ready(host, lab, late.values(), failed, limit)
        heartbeat.beat(_waiting(list(late.values()), len(addresses), "answer"))


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


def _not_ready(host: Host, lab: str, late: Iterable[str], failed: Mapping[str, str], limit: int) -> LabError:
    names_by_problem = {
        "are not running": [name for name in late if failed.get(name) == "off"],
        "cannot boot, as their consoles say": [name for name in late if failed.get(name) == "broken"],
        f"do not answer SSH after {limit} s": [name for name in late if name not in failed],
    }
    problems = [f"guests {problem}: {named(names)}" for problem, names in names_by_problem.items() if names]
    names = list(chain.from_iterable(names_by_problem.values()))
    paths = tuple(map(Layout(lab).console, names[:CONSOLES]))
    consoles = observe.fact(Files, paths=paths, last=CONSOLE_LINES)
    ends = "".join(
        f"\n  the end of {path}:\n{indent(printable(text.rstrip()), '    ')}"
        for path, text in consoles.items()
    )
    return LabError(
        f"{host.name}: {'; '.join(problems)}{ends}",
        next_step=f"on {host.name}, look at one by: virsh console {names[0]}",
    )
