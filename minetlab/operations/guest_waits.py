"""The long waits for guests: until they are off, until there is room for the next, until they answer SSH."""

import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from pyinfra import logger
from pyinfra.api.host import Host
from pyinfra.api.state import State
from pyinfra.context import state as current

from minetlab.facts.libvirt import ActiveDomains, FailedBoots, Files, SshAnswers
from minetlab.operations import observe
from minetlab.operations.commands import attempt, fail
from minetlab.operations.shell import virsh_side_by_side
from minetlab.resources.boots import Boots, boot_limit
from minetlab.resources.layout import Layout
from minetlab.util.errors import LabError
from minetlab.util.names import named
from minetlab.util.progress import Heartbeat

POLL_INTERVAL = 2.0
"""Seconds between two looks at the host, where it cannot be told to wait itself."""
WAIT_ON_HOST = 10
"""Seconds that a host waits until one of its guests answers, before it is asked what else became of them."""
SHUTDOWN_LIMIT = 120
"""Seconds a guest may take to shut down before its power is cut."""
CONSOLES, CONSOLE_LINES = 3, 40
"""Guests whose console is shown where several do not come up, and lines of each."""
ROOM = 30
"""Characters for names in a line of progress."""


def wait_until_off(state: State, host: Host, names: list[str]) -> bool:
    """Wait until these domains are off; those that are not in time are named, and that their power goes."""
    heartbeat = Heartbeat("guests shut down", host.log)
    while late := sorted(host.get_fact(ActiveDomains).intersection(names)):
        if heartbeat.elapsed > SHUTDOWN_LIMIT:
            message = f"not off after {SHUTDOWN_LIMIT} s, their power is cut: {named(late)}"
            host.log_styled(message, log_func=logger.warning, fg="yellow")
            break
        heartbeat.beat(_waiting(late, len(names), "are off"))
        time.sleep(POLL_INTERVAL)
    return True


def start_in_turn(state: State, host: Host, lab: str, boots: Boots, failures: list[str]) -> bool:
    """Start guests, the next ones as those before them answer SSH; False where the host is lost.

    :param failures: where to put what is said of those that cannot be started.
    """
    heartbeat = Heartbeat("guests start", host.log)
    while True:
        if due := boots.due(time.monotonic()):
            attempt(state, host, virsh_side_by_side([("start", name)] for name in due), failures)
        if not boots.waiting:
            return True
        heartbeat.beat(f": {boots}")
        booting = boots.booting
        answering = host.get_fact(SshAnswers, addresses=tuple(booting.values()), wait=WAIT_ON_HOST)
        silent = tuple(name for name in booting if booting[name] not in answering)
        failed = host.get_fact(FailedBoots, lab=lab, guests=silent) if silent else {}
        if host in current.failed_hosts:
            return fail(state, host, _lost(host))
        boots.done([name for name in booting if name not in silent or name in failed])


def obstacle_to_readiness(host: Host, lab: str, addresses: dict[str, str]) -> LabError | None:
    """Wait until an SSH server answers at each address; one that does not come up does not hide the others.

    :param addresses: guests' names by address.
    :returns: why some do not, with the end of the consoles of some of these.
    """
    heartbeat = Heartbeat("guests boot", host.log)
    late = dict(addresses)
    while True:
        answering = host.get_fact(SshAnswers, addresses=tuple(late), wait=WAIT_ON_HOST)
        if host in current.failed_hosts:
            return _lost(host)
        late = {address: name for address, name in late.items() if address not in answering}
        if not late:
            names = named(addresses.values(), room=ROOM)
            host.log(f"SSH answers at {names} ({heartbeat.elapsed:.0f} s)")
            return None
        failed = host.get_fact(FailedBoots, lab=lab, guests=tuple(late.values()))
        if host in current.failed_hosts:
            return _lost(host)
        limit = boot_limit(observe.kvm(lab))
        if len(failed) == len(late) or heartbeat.elapsed > limit:
            return _told(host, lab, late.values(), failed, limit)
        heartbeat.beat(_waiting(list(late.values()), len(addresses), "answer"))


def _waiting(late: Sequence[str], number: int, done: str) -> str:
    """How far a wait for some guests is, in one line whatever their number.

    >>> _waiting(["minet-a"], 1, "answer")
    ': waiting for minet-a'
    >>> _waiting([f"minet-s{each}" for each in range(7, 30)], 30, "answer")
    ': 7 of 30 answer; slowest: minet-s7, minet-s8, minet-s9 and 20 more'
    """
    if number == 1:
        return f": waiting for {late[0]}"
    return f": {number - len(late)} of {number} {done}; slowest: {named(late, room=ROOM)}"


def _lost(host: Host) -> LabError:
    return LabError(
        f"{host.name}: the host itself does not answer any more",
        next_step="look at its console; of a host in the sandbox: ./lab sandbox ls, then ./lab up again",
    )


def _told(host: Host, lab: str, late: Iterable[str], failed: Mapping[str, str], limit: int) -> LabError:
    """What to say of guests that do not answer.

    :param failed: those that will not come up, and why.
    """
    reasons = {
        "are not running": [name for name in late if failed.get(name) == "off"],
        "cannot boot, as their consoles say": [name for name in late if failed.get(name) == "broken"],
        f"do not answer SSH after {limit} s": [name for name in late if name not in failed],
    }
    said = "; ".join(f"guests {why}: {named(names)}" for why, names in reasons.items() if names)
    told = list(chain.from_iterable(reasons.values()))
    paths = tuple(map(Layout(lab).console, told[:CONSOLES]))
    consoles = host.get_fact(Files, paths=paths, last=CONSOLE_LINES)
    shown = "".join(f"\n  the end of {path}:\n{text.rstrip()}" for path, text in consoles.items())
    return LabError(
        f"{host.name}: {said}{shown}",
        next_step=f"on {host.name}, look at one by: virsh console {told[0]}",
    )
