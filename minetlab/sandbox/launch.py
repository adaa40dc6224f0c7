"""Start a sandbox host's QEMU, and wait until SSH answers."""

import socket
import time

from minetlab.sandbox import resume
from minetlab.sandbox.accelerator import Accelerator
from minetlab.sandbox.identity import ensure_identity
from minetlab.sandbox.machine import Connection, SandboxHost
from minetlab.sandbox.platform import Platform
from minetlab.sandbox.qemu import AGENT_SOCKET, INCOMING, PID_FILE, QMP_SOCKET, qemu_arguments
from minetlab.util.errors import LabError
from minetlab.util.process import capture, tail
from minetlab.util.progress import Heartbeat, Progress

START_LIMIT = 60
"""Seconds for QEMU to take commands; it does within one."""
BOOT_LIMIT = 60.0
"""Seconds until SSH answers, times the accelerator's slowness; 5 and 20 s are usual for kvm and tcg."""
KNOCK_ANYWAY = 10.0
"""Seconds until a machine is knocked at whose agent says nothing; after that, each time twice as many."""


def launch(machine: SandboxHost, platform: Platform, *, incoming: bool = False) -> None:
    """Start the machine's QEMU on its disk, and return as soon as it takes commands.

    :param incoming: hold it still, to go on from a saved state, instead of booting.
    :raises LabError: QEMU does not start.
    """
    for leftover in (PID_FILE, QMP_SOCKET, AGENT_SOCKET):
        (machine.folder / leftover).unlink(missing_ok=True)
    credentials = ensure_identity(machine.folder, machine.name)
    arguments = qemu_arguments(machine.name, platform.spec, platform.accelerator, machine.folder, credentials)
    toolbox = platform.toolbox
    try:
        qemu = capture(
            toolbox.qemu([*arguments, *(INCOMING if incoming else ())]),
            START_LIMIT,
            env=toolbox.env,
            cwd=machine.folder,
            together=True,
        )
    except TimeoutError as error:
        machine.kill()
        raise LabError(
            f"sandbox host {machine.name}: QEMU did not start within {START_LIMIT} s",
            next_step="see what keeps this machine busy, and run the same command again",
        ) from error
    if qemu.status:
        raise LabError(
            f"sandbox host {machine.name}: QEMU did not start: {qemu.output.strip()}",
            next_step=f"if its disk is at fault, start from a new one: ./lab sandbox rm {machine.name}",
        )


def wait_for_ssh(
    machine: SandboxHost, accelerator: Accelerator, progress: Progress, *, new: bool = True
) -> Connection:
    """Wait until the machine's SSH server answers.

    QEMU keeps whoever knocks too early until the machine takes all of them at once, and an sshd refuses the
    address from which too many have left without a login (``PerSourcePenalties`` in sshd_config(5)). So the
    guest agent is waited for first; one that says nothing is knocked at a few times anyway.

    :param new: whether nothing is lost if the machine ends: one that has just booted.
    :raises LabError: it does not in time, or the machine dies: carries the end of its console. A new one is
        ended; another one is left as it is.
    """
    limit = BOOT_LIMIT * accelerator.slowness
    heartbeat = Heartbeat("waiting for SSH", progress)
    agent_answers, knock_anyway_at = True, KNOCK_ANYWAY
    while heartbeat.elapsed < limit:
        if machine.pid is None:
            raise _failure(machine, "died while booting")
        if machine.console.exists() and b"Kernel panic" in machine.console.read_bytes():
            raise _given_up(machine, "panicked", new)
        connection = machine.connection()
        if agent_answers or heartbeat.elapsed > knock_anyway_at:
            knock_anyway_at = max(knock_anyway_at, 2 * heartbeat.elapsed)
            # The slower the machine, the later its greeting.
            if _ssh_answers(connection, limit=1 + heartbeat.elapsed / 20):
                progress(f"SSH answers on port {connection.port} ({heartbeat.elapsed:.0f} s)")
                for port in machine.record.forwards if machine.record else ():
                    machine.forward(port)
                return connection
        heartbeat.beat(f", {limit:.0f} s at most")
        agent_answers = resume.answers(machine, accelerator)
        time.sleep(0.3)
    raise _given_up(machine, f"did not answer SSH within {limit:.0f} s", new)


def _given_up(machine: SandboxHost, what: str, new: bool) -> LabError:
    if new:
        machine.kill()
        return _failure(machine, what)
    return _failure(
        machine,
        f"{what}; it is left running",
        f"try again; to end it and boot it anew: ./lab sandbox stop --shutdown {machine.name}",
    )


def _failure(machine: SandboxHost, what: str, otherwise: str = "") -> LabError:
    console = tail(machine.console) if machine.console.exists() else ""
    end = f"; the end of its console:\n{console}" if console else "; its console is empty"
    return LabError(
        f"sandbox host {machine.name} {what}{end}",
        next_step=f"read {machine.console}; "
        + (otherwise or f"to start from a new disk: ./lab sandbox rm {machine.name}"),
    )


def _ssh_answers(connection: Connection, limit: float) -> bool:
    # QEMU accepts connections from the start: only the server's greeting tells that the machine is up.
    try:
        with socket.create_connection((connection.hostname, connection.port), timeout=limit) as client:
            return client.recv(4) == b"SSH-"
    except OSError:
        return False
