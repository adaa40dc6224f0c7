"""Virtual hosts that stand in for real ones: this user's QEMU machines, reached by SSH on loopback."""

import sys
from dataclasses import dataclass

from minetlab.sandbox import replace
from minetlab.sandbox.lifecycle import connect, remove as remove, start as start, stop as stop
from minetlab.sandbox.machine import Connection as Connection, SandboxHost, sandbox_dir
from minetlab.sandbox.saved import suspended
from minetlab.sandbox.spec import SandboxSpec as SandboxSpec, spec_of as spec_of
from minetlab.util.errors import LabError

CONNECT_LIMIT = 60
"""Seconds to wait for the SSH connection; an emulated host that is busy can be slow to answer."""


@dataclass(frozen=True)
class SandboxHostState:
    """The present state of a sandbox host.

    :param name: the host's name, without ``@sandbox/``.
    :param spec: what it was made from; None if making it was interrupted, or its record cannot be read.
    :param accelerator: ``kvm`` or ``tcg``, as at its last boot; None if ``spec`` is None.
    :param accelerator_reason: why that accelerator was chosen.
    :param pid: the process id of its QEMU; None if it does not run.
    :param suspended: whether it does not run and its memory is saved, so that it can be resumed.
    :param disk_bytes: the room that its own disk takes, without the image below it.
    """

    name: str
    spec: SandboxSpec | None
    accelerator: str | None
    accelerator_reason: str | None
    pid: int | None
    suspended: bool
    disk_bytes: int


def list_hosts() -> list[SandboxHostState]:
    """Return the state of every sandbox host in this state folder, sorted by name."""
    names = {path.name for path in sandbox_dir().glob("[!.]*") if path.is_dir()} | replace.pending_hosts()
    return [_state(SandboxHost(name)) for name in sorted(names)]


def connection(name: str) -> Connection:
    """Return how to reach a host by SSH; a suspended host is resumed first, with progress on stderr.

    :param name: the host's name, without ``@sandbox/``.
    :return: its address, port, user and keys.
    :raises LabError: it neither runs nor is suspended, or it does not come up.
    """
    return connect(name, lambda message: print(f"[{name}] {message}", file=sys.stderr))


def forward(name: str, port: int) -> int:
    """Forward a loopback port of this machine to a TCP port of a running host.

    :param name: the host's name, without ``@sandbox/``.
    :param port: the host's TCP port.
    :return: the loopback port.
    :raises LabError: the host does not run, or its QEMU does not forward the port.
    """
    return SandboxHost(name).forward(port)


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
    words.append(f"{target.user}@{target.hostname}")
    return [*words, *(command or [])]


def _state(machine: SandboxHost) -> SandboxHostState:
    try:
        record = machine.record
    except LabError:  # a list of hosts shows the others; commands on this host report the error
        record = None
    return SandboxHostState(
        name=machine.name,
        spec=record.spec if record else None,
        accelerator=record.accelerator.name if record else None,
        accelerator_reason=record.accelerator.reason if record else None,
        pid=machine.pid,
        suspended=machine.pid is None and suspended(machine).exists,
        disk_bytes=machine.disk.stat().st_blocks * 512 if machine.disk.exists() else 0,
    )
