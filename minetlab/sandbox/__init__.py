"""Virtual hosts that stand in for real ones: this user's QEMU machines, reached by SSH on loopback."""

from dataclasses import dataclass

from minetlab.sandbox import replace
from minetlab.sandbox.lifecycle import (
    connection as connection,
    remove as remove,
    start as start,
    stop as stop,
)
from minetlab.sandbox.machine import Connection as Connection, HostRecord, SandboxHost, sandbox_dir
from minetlab.sandbox.saved import suspended
from minetlab.util.errors import LabError

CONNECT_LIMIT = 60
"""Seconds to wait for the SSH connection; an emulated host that is busy can be slow to answer."""


@dataclass(frozen=True)
class SandboxHostState:
    """The present state of a sandbox host.

    :param name: the host's name, without ``@sandbox/``.
    :param record: what it was made from; None if making it was interrupted, or the record cannot be read.
    :param pid: the process id of its QEMU; None if it does not run.
    :param suspended: whether it does not run and its memory is saved, so that it can be resumed.
    :param disk_bytes: the room that its own disk takes, without the image below it.
    """

    name: str
    record: HostRecord | None
    pid: int | None
    suspended: bool
    disk_bytes: int


def list_hosts() -> list[SandboxHostState]:
    """Return the state of every sandbox host in this state folder, sorted by name."""
    names = {path.name for path in sandbox_dir().glob("[!.]*") if path.is_dir()} | replace.pending_hosts()
    return [_state(SandboxHost(name)) for name in sorted(names)]


def ssh_argv(name: str, command: list[str] | None = None) -> list[str]:
    """Return the OpenSSH command line that logs into a host, or runs a command there.

    :param name: the host's name, without ``@sandbox/``; a suspended host is resumed first.
    :param command: what ssh hands to the host's shell; None: an interactive login.
    :return: the program ``ssh`` and its arguments.
    :raises LabError: the host neither runs nor is suspended, or it does not come up.
    """
    target = connection(name)
    options = {
        "IdentityFile": target.key,
        "IdentitiesOnly": "yes",
        "UserKnownHostsFile": target.known_hosts,
        "StrictHostKeyChecking": "yes",
        "LogLevel": "ERROR",
        "ConnectTimeout": CONNECT_LIMIT,
    }
    # -F none: the administrator's own SSH configuration must not apply to this host.
    words = ["ssh", "-F", "none", "-p", str(target.port)]
    for option, value in options.items():
        words += ["-o", f"{option}={value}"]
    return [*words, f"{target.user}@{target.hostname}", *(command or [])]


def _state(machine: SandboxHost) -> SandboxHostState:
    try:
        record = machine.record
    except LabError:  # a list of hosts shows the others; commands on this host report the error
        record = None
    return SandboxHostState(
        name=machine.name,
        record=record,
        pid=machine.pid,
        suspended=machine.pid is None and suspended(machine).exists,
        disk_bytes=machine.disk.stat().st_blocks * 512 if machine.disk.exists() else 0,
    )
