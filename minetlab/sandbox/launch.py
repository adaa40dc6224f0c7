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

QEMU_START_LIMIT = 60
"""Seconds until QEMU must accept commands; it usually does within one."""
HOST_BOOT_LIMIT = 60.0
"""Seconds until SSH must answer, times the accelerator's slowness; 5 s (kvm) and 20 s (tcg) are usual."""
KNOCK_ANYWAY = 10.0
"""Seconds until SSH is tried although the guest agent is silent; for further tries, the time doubles."""


def launch(machine: SandboxHost, platform: Platform, *, incoming: bool = False) -> None:
    """Start the machine's QEMU on its disk, and return as soon as QEMU accepts commands.

    :param machine: the host; its disk exists.
    :param platform: the virtual hardware, accelerator and QEMU.
    :param incoming: leave the machine stopped, so that a saved memory can be loaded, instead of booting it.
    :raises LabError: QEMU does not start.
    """
    for leftover in (PID_FILE, QMP_SOCKET, AGENT_SOCKET):
        (machine.folder / leftover).unlink(missing_ok=True)
    credentials = ensure_identity(machine.folder, machine.name)
    arguments = qemu_arguments(machine.name, platform.spec, platform.accelerator, machine.folder, credentials)
    command = platform.toolbox.qemu([*arguments, *(INCOMING if incoming else ())])
    env, folder = platform.toolbox.env, machine.folder
    try:
        qemu = capture(command, QEMU_START_LIMIT, env=env, cwd=folder, merge_errors=True)
    except TimeoutError as error:
        machine.kill()
        raise LabError(
            f"sandbox host {machine.name}: QEMU did not start within {QEMU_START_LIMIT} s",
            next_step="find out what keeps this machine busy, and run the same command again",
        ) from error
    if qemu.status:
        raise LabError(
            f"sandbox host {machine.name}: QEMU did not start: {qemu.output.strip()}",
            next_step=f"if its disk is damaged, start with a new one: ./lab sandbox rm {machine.name}",
        )


def wait_for_ssh(
    machine: SandboxHost, accelerator: Accelerator, progress: Progress, *, new: bool = True
) -> Connection:
    """Wait until the machine's SSH server answers.

    QEMU holds connections that come too early, and hands all of them to the machine at once; an sshd then
    refuses this address, as too many connections from it ended without a login (``PerSourcePenalties`` in
    sshd_config(5)). So SSH is tried once the guest agent answers; if it stays silent, a few times anyway.

    :param machine: the host, whose QEMU runs.
    :param accelerator: how it runs, which decides how long to wait.
    :param progress: told every ten seconds, and when SSH answers.
    :param new: whether nothing is lost when the machine is killed, as it has just booted.
    :return: how to reach the machine; the ports of its record are forwarded again.
    :raises LabError: SSH does not answer in time, or the machine dies; has the end of the console. A new
        machine is killed then, another one is left running.
    """
    limit = HOST_BOOT_LIMIT * accelerator.slowness
    heartbeat = Heartbeat("waiting for SSH", progress)
    agent_answers, next_try = True, KNOCK_ANYWAY
    while heartbeat.elapsed < limit:
        if machine.pid is None:
            raise _failure(machine, "died while booting", new=True)
        if machine.console.exists() and b"Kernel panic" in machine.console.read_bytes():
            raise _failure(machine, "panicked", new)
        connection = machine.connection()
        if agent_answers or heartbeat.elapsed > next_try:
            next_try = max(next_try, 2 * heartbeat.elapsed)
            # A slow machine needs more time for the server's greeting.
            if _ssh_answers(connection, limit=1 + heartbeat.elapsed / 20):
                progress(f"SSH answers on port {connection.port} ({heartbeat.elapsed:.0f} s)")
                for port in machine.record.forwards if machine.record else ():
                    machine.forward(port)
                return connection
        heartbeat.beat(f", {limit:.0f} s at most")
        agent_answers = resume.agent_answers(machine, accelerator)
        time.sleep(0.3)
    raise _failure(machine, f"did not answer SSH within {limit:.0f} s", new)


def _failure(machine: SandboxHost, problem: str, new: bool) -> LabError:
    """Kill a new machine; return the error, with the end of the console."""
    if new:
        machine.kill()
        next_step = f"to start from a new disk: ./lab sandbox rm {machine.name}"
    else:
        problem += "; it is left running"
        next_step = f"try again; to end it and boot it anew: ./lab sandbox stop --shutdown {machine.name}"
    console = tail(machine.console) if machine.console.exists() else ""
    end = f"; the end of its console:\n{console}" if console else "; its console is empty"
    return LabError(
        f"sandbox host {machine.name} {problem}{end}", next_step=f"read {machine.console}; {next_step}"
    )


def _ssh_answers(connection: Connection, limit: float) -> bool:
    # QEMU accepts connections before the machine has booted: only the server's greeting shows that it is up.
    try:
        with socket.create_connection((connection.hostname, connection.port), timeout=limit) as client:
            return client.recv(4) == b"SSH-"
    except OSError:
        return False
