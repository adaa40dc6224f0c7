"""The lock of each host: if two administrators deploy at the same time, the second run fails and says why.

A process on the host holds it, by flock(1), as long as this run is connected:
docs/decisions/the-lock-is-the-connections.md.
"""

import getpass
import platform
import shlex
import time
from collections.abc import Iterator
from secrets import token_hex
from weakref import WeakKeyDictionary

from gevent import Greenlet, spawn
from pyinfra.api.command import PyinfraCommand, StringCommand
from pyinfra.api.host import Host
from pyinfra.api.state import State
from pyinfra.connectors.util import CommandOutput
from pyinfra.context import ctx_state, host, state

from minetlab.facts.lock import LockHolder
from minetlab.operations import failed_hosts, observe, ssh_tuning
from minetlab.operations.commands import connector_arguments, fail, lab_operation
from minetlab.resources.lock import LOCK, Holder
from minetlab.util.errors import LabError

PATIENCE = 5
"""Seconds to wait for a lock; the lock of a run that has ended is free after :data:`PULSE` seconds."""
PULSE = 2
"""Seconds between two lines that the process writes to the connection; it ends when it cannot write."""
_HOLD = """
umask 077 && exec 9<>{path} && chmod 0600 {path} && flock --wait {patience} 9 || exit
printf '%s\\n' $$ {holder} >{path}
while echo held; do sleep {pulse} 9>&-; done
"""

_holding: WeakKeyDictionary[Host, Greenlet] = WeakKeyDictionary()


@lab_operation
def take(lab: str, path: str = LOCK) -> Iterator[PyinfraCommand]:
    """Take the host's lock for the rest of this run; fail if another run has it.

    This changes nothing on the host. No operation releases the lock: it is free when this run's connection
    ends.

    :param lab: the lab that is deployed, for other administrators to read.
    :param path: the lock's file on the host.
    :yields: the commands.
    """
    _begin(observe.this_host())
    if state.is_executing:
        _take(observe.this_host(), lab, path)
    host.noop("this run holds the host's lock")
    yield from ()


@lab_operation
def remove(path: str = LOCK) -> Iterator[PyinfraCommand]:
    """Break the host's lock; the run that holds it then does nothing more on this host."""
    _begin(observe.this_host())
    holder = observe.fact(LockHolder, path=path)
    if holder is None:
        host.noop("no run holds the lock")
        return
    host.log(_described(holder))
    quoted = shlex.quote(path)
    # The process may end by itself at this moment, so it is no error if kill fails.
    yield StringCommand(f"kill $(head --lines=1 {quoted}) 2>/dev/null; flock --wait {PATIENCE} {quoted} true")


def _begin(host: Host) -> None:
    """Prepare pyinfra for a host, before anything else is done there."""
    failed_hosts.watch(host.state)
    ssh_tuning.tune(host.connector)


def _take(host: Host, lab: str, path: str) -> None:
    if host in _holding:
        # A deploy that includes another one takes the lock twice.
        return
    this_run = Holder(token_hex(8), f"{getpass.getuser()}@{platform.node()}", lab)
    command = _HOLD.format(
        path=shlex.quote(path), patience=PATIENCE, holder=shlex.quote(this_run.line), pulse=PULSE
    )
    holding = spawn(host.run_shell_command, StringCommand(command), **connector_arguments(host))
    holder = observe.fact(LockHolder, path=path, run=this_run.run)
    if holder and holder.run == this_run.run:
        _holding[host] = holding
        holding.link(lambda _: _lock_lost(ctx_state.get(), host))  # type: ignore[no-untyped-call]
        return
    if holder:
        raise LabError(
            f"{host.name}: {_described(holder)}",
            next_step="wait until that run is done; if it hangs, or its machine is gone: ./lab unlock",
        )
    raise _cannot_take(host, path, holding)


def _cannot_take(host: Host, path: str, holding: Greenlet) -> LabError:
    holding.join(timeout=PATIENCE)
    output: CommandOutput | None = holding.value[1] if holding.successful() else None
    if output is None:
        return LabError(
            f"{host.name}: the host does not answer any more, so its lock {path} cannot be taken",
            next_step=f"see whether you can log in to {host.name}, then run this again",
        )
    return LabError(
        f"{host.name}: its lock {path} cannot be taken: {output.stderr}",
        next_step="log in as root, or as a user with passwordless sudo, with _sudo in the inventory",
    )


def _lock_lost(state: State, host: Host) -> None:
    """Show an error, and do nothing more on the host: another run may change it."""
    fail(
        state,
        host,
        LabError(
            f"{host.name}: this run has lost the host's lock: it was broken, or the connection ended",
            next_step="see who deploys there now; then run the same command again",
        ),
    )
    state.failed_hosts.add(host)
    state.active_hosts.discard(host)


def _described(holder: Holder) -> str:
    since = time.strftime("%H:%M", time.localtime(time.time() - holder.seconds))
    return f"{holder.by} has been deploying lab {holder.lab} since {since} ({holder.seconds // 60} min)"
