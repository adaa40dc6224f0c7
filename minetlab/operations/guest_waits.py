"""The two long waits for guests: until they are off, and until they answer SSH."""

import time
from collections.abc import Sequence

from pyinfra import logger
from pyinfra.api.host import Host
from pyinfra.api.state import State
from pyinfra.context import state as current

from minetlab.errors import LabError
from minetlab.facts.libvirt import ActiveDomains, Files, SshAnswers
from minetlab.images.progress import Heartbeat
from minetlab.operations import observe
from minetlab.operations.commands import fail
from minetlab.plan.layout import Layout
from minetlab.plan.naming import named

POLL_INTERVAL = 2.0
"""Seconds between two looks at the host."""
SHUTDOWN_LIMIT = 120
"""Seconds a guest may take to shut down before its power is cut."""
READY_LIMIT, READY_LIMIT_EMULATED = 300, 1800
"""Seconds all guests of a host may take to answer SSH; emulated ones needed from one minute to twelve."""
CONSOLES, CONSOLE_LINES = 3, 20
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


def wait_until_ready(state: State, host: Host, lab: str, addresses: dict[str, str], what: str) -> bool:
    """Wait until an SSH server answers at each address; False, and why is shown, if that fails.

    :param addresses: guests' names by address.
    :param what: how the wait is called.
    """
    obstacle = obstacle_to_readiness(host, lab, addresses, what)
    return fail(state, host, obstacle) if obstacle else True


def obstacle_to_readiness(
    host: Host, lab: str, addresses: dict[str, str], what: str = "guests boot"
) -> LabError | None:
    """Wait until an SSH server answers at each address.

    :param addresses: guests' names by address.
    :param what: how the wait is called.
    :returns: why it does not: with the end of the consoles of guests that are late or not running at all.
    """
    heartbeat = Heartbeat(what, host.log)
    while True:
        answering = host.get_fact(SshAnswers, addresses=tuple(addresses))
        if host in current.failed_hosts:
            return _lost(host)
        late = [name for address, name in addresses.items() if address not in answering]
        if not late:
            host.log(f"SSH answers at {named(addresses.values(), room=ROOM)} ({heartbeat.elapsed:.0f} s)")
            return None
        running = host.get_fact(ActiveDomains)
        if off := [name for name in late if name not in running]:
            return _told(host, lab, off, "are not running")
        kvm = observe.kvm(lab)
        limit = READY_LIMIT if kvm.works and not kvm.emulated else READY_LIMIT_EMULATED
        if heartbeat.elapsed > limit:
            return _told(host, lab, late, f"do not answer SSH after {limit} s")
        heartbeat.beat(_waiting(late, len(addresses), "answer"))
        time.sleep(POLL_INTERVAL)


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


def _told(host: Host, lab: str, names: list[str], why: str) -> LabError:
    paths = tuple(map(Layout(lab).console, names[:CONSOLES]))
    consoles = host.get_fact(Files, paths=paths, last=CONSOLE_LINES)
    shown = "".join(f"\n  the end of {path}:\n{text.rstrip()}" for path, text in consoles.items())
    return LabError(
        f"{host.name}: guests {why}: {named(names)}{shown}",
        next_step=f"on {host.name}, look at one by: virsh console {names[0]}",
    )
