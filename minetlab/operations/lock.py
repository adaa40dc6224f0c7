"""The lock on each host: of two administrators who deploy at once, the second is told.

It is flock(1)'s, held by a process on the host for as long as this run's connection stands:
docs/decisions/the-lock-is-the-connections.md.
"""

import getpass
import platform
import shlex
import time
from secrets import token_hex
from weakref import WeakKeyDictionary

from gevent import Greenlet, spawn
from pyinfra.api.command import StringCommand
from pyinfra.api.host import Host
from pyinfra.api.operation import operation
from pyinfra.api.state import State
from pyinfra.connectors.util import CommandOutput
from pyinfra.context import ctx_state, host, state

from minetlab.facts.lock import LockHolder
from minetlab.operations import failed_hosts, observe, ssh_tuning
from minetlab.operations.commands import Commands, connector_arguments, fail, failure
from minetlab.resources.lock import LOCK, Holder
from minetlab.util.errors import LabError

PATIENCE = 5
"""Seconds to wait for a lock: a run that has ended is noticed within :data:`PULSE`."""
PULSE = 2
"""Seconds between two signs of life to a connection, which end the process once there is none."""
_HOLD = """
exec 9<>{path} && flock --wait {patience} 9 || exit
printf '%s\\n' $$ {holder} >{path}
while echo held; do sleep {pulse} 9>&-; done
"""

_holding: WeakKeyDictionary[Host, Greenlet] = WeakKeyDictionary()


@operation()
def take(lab: str, path: str = LOCK) -> Commands:
    """Take the host's lock for the rest of this run; fail where another run has it.

    It changes nothing. No operation releases it: it goes with the connection, however this run ends.

    :param lab: what is deployed, for others to read.
    """
    _begin(observe.this_host())
    if state.is_executing and (problem := _taken(observe.this_host(), lab, path)):
        yield failure(problem)
        return
    host.noop("the host's lock is this run's")


@operation()
def remove(path: str = LOCK) -> Commands:
    """Break the host's lock, whoever has it; their run does nothing more on this host."""
    _begin(observe.this_host())
    holder = host.get_fact(LockHolder, path=path)
    if holder is None:
        host.noop("nobody holds the lock")
        return
    host.log(_described(holder))
    quoted = shlex.quote(path)
    # It may end by itself at this very moment, which is as good.
    yield StringCommand(f"kill $(head --lines=1 {quoted}) 2>/dev/null; flock --wait {PATIENCE} {quoted} true")


def _begin(host: Host) -> None:
    """Prepare a host's run: every deploy takes the lock, or breaks it, before it does anything else."""
    failed_hosts.watch(host.state)
    ssh_tuning.tune(host.connector)


def _taken(host: Host, lab: str, path: str) -> LabError | None:
    """Take the lock; returns why that cannot be done."""
    if host in _holding:  # a deploy that includes another one
        return None
    run = token_hex(8)
    me = Holder(run, f"{getpass.getuser()}@{platform.node()}", lab)
    command = _HOLD.format(
        path=shlex.quote(path), patience=PATIENCE, holder=shlex.quote(me.line), pulse=PULSE
    )
    holding = spawn(host.run_shell_command, StringCommand(command), **connector_arguments(host))
    holder = host.get_fact(LockHolder, path=path, run=run)
    if holder and holder.run == run:
        _holding[host] = holding
        holding.link(lambda _: _lost(ctx_state.get(), host))  # type: ignore[no-untyped-call]
        return None
    if holder:
        return LabError(
            f"{host.name}: {_described(holder)}",
            next_step="wait until that run is done; if it hangs, or its machine is gone: ./lab unlock",
        )
    return _untakeable(host, path, holding)


def _untakeable(host: Host, path: str, holding: Greenlet) -> LabError:
    holding.join(timeout=PATIENCE)
    output: CommandOutput | None = holding.value[1] if holding.successful() else None
    return LabError(
        f"{host.name}: its lock {path} cannot be taken: {output.stderr if output else 'no answer'}",
        next_step="log in as root, or as a user whose sudo asks nothing, with _sudo in the inventory",
    )


def _lost(state: State, host: Host) -> None:
    """Leave the host alone from now on: somebody else may be at work there."""
    fail(
        state,
        host,
        LabError(
            f"{host.name}: its lock is not this run's any more: it was broken, or the connection was lost",
            next_step="see who deploys there now; then run the same command again",
        ),
    )
    state.failed_hosts.add(host)
    state.active_hosts.discard(host)


def _described(holder: Holder) -> str:
    since = time.strftime("%H:%M", time.localtime(time.time() - holder.seconds))
    return f"{holder.by} has been deploying lab {holder.lab} since {since} ({holder.seconds // 60} min)"
