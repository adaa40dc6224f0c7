"""Virtual hosts that stand in for real ones: this user's QEMU machines, reached by SSH on loopback."""

import sys
from dataclasses import dataclass

from minetlab.sandbox import replace
from minetlab.sandbox.lifecycle import connect, remove, start, stop
from minetlab.sandbox.machine import Connection, SandboxHost, sandbox_dir
from minetlab.sandbox.saved import suspended
from minetlab.sandbox.spec import SandboxSpec, spec_of
from minetlab.util.errors import LabError

__all__ = [
    "Connection",
    "SandboxHostState",
    "SandboxSpec",
    "connection",
    "forward",
    "list_hosts",
    "remove",
    "spec_of",
    "ssh_argv",
    "start",
    "stop",
]


CONNECT_LIMIT = 60
"""Seconds until an emulated host that is busy has to have said who it is."""


@dataclass(frozen=True)
class SandboxHostState:
    """A sandbox host as it is now.

    :param spec: what it was made as; None if that was interrupted.
    :param accelerator: ``kvm`` or ``tcg``, at its last boot.
    :param accelerator_reason: why.
    :param pid: its QEMU's process id; None if it does not run.
    :param suspended: whether its memory is saved, to go on with.
    :param disk_bytes: what its own disk takes, its image not counted.
    """

    name: str
    spec: SandboxSpec | None
    accelerator: str | None
    accelerator_reason: str | None
    pid: int | None
    suspended: bool
    disk_bytes: int


def list_hosts() -> list[SandboxHostState]:
    """All sandbox hosts of this state folder, by name."""
    names = {path.name for path in sandbox_dir().glob("[!.]*") if path.is_dir()} | replace.awaited()
    return [_state(SandboxHost(name)) for name in sorted(names)]


def connection(name: str) -> Connection:
    """How to reach a host that runs, or was suspended and goes on now; what that takes is said on stderr.

    :raises LabError: it does neither.
    """
    return connect(name, lambda message: print(f"[{name}] {message}", file=sys.stderr))


def forward(name: str, port: int) -> int:
    """Have a loopback port lead to a TCP port of a running host; returns the former.

    :raises LabError: it does not run, or its QEMU will not.
    """
    return SandboxHost(name).forward(port)


def ssh_argv(name: str, command: list[str] | None = None) -> list[str]:
    """The words of an OpenSSH command that logs into a running host, or runs ``command`` there, as ssh does.

    :raises LabError: it does not run.
    """
    reached = connection(name)
    options = {
        "IdentityFile": reached.key,
        "IdentitiesOnly": "yes",
        "UserKnownHostsFile": reached.known_hosts,
        "StrictHostKeyChecking": "yes",
        "LogLevel": "ERROR",
        "ConnectTimeout": CONNECT_LIMIT,
    }
    # -F: nothing in the administrator's own configuration is meant for this machine.
    words = ["ssh", "-F", "none", "-p", str(reached.port)]
    for option, value in options.items():
        words += ["-o", f"{option}={value}"]
    words.append(f"{reached.user}@{reached.hostname}")
    return [*words, *(command or [])]


def _state(machine: SandboxHost) -> SandboxHostState:
    try:
        record = machine.record
    except LabError:  # whoever wants something of the host is told
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
