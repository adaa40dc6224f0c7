"""Stop a machine so that its memory can be saved.

Its guests are stopped first. An emulated processor must not be stopped while it executes a guest of the
machine: the guest may hang for ever afterwards, and QEMU refuses to load a memory that was saved then
(docs/decisions/hosts-resume.md).
"""

from minetlab.sandbox import agent, qmp
from minetlab.sandbox.accelerator import Accelerator
from minetlab.sandbox.machine import SandboxHost
from minetlab.sandbox.resume import SCRIPTS
from minetlab.util.errors import LabError

FREEZE = (SCRIPTS / "freeze.sh").read_text()
PAUSE_LIMIT = 10.0
"""Seconds to stop a machine's guests, times the accelerator's slowness; with tcg, one is usual.

Even with tcg, this is less than the minute after which freeze.sh resumes the guests by itself.
"""


def pause(machine: SandboxHost, accelerator: Accelerator) -> None:
    """Stop a machine that runs, its guests first.

    :func:`~minetlab.sandbox.resume.go_on` resumes both.

    :param machine: the host; one that is stopped already is left as it is.
    :param accelerator: how it runs, which decides how long to wait.
    :raises LabError: it cannot be stopped; the machine runs on, and its guests do after a minute.
    """
    try:
        if qmp.run_state(machine.qmp_socket) != "running":
            return
        machine.clock_stopped.touch()
        limit = PAUSE_LIMIT * accelerator.slowness
        agent.run(machine.agent_socket, "sh", "-c", FREEZE, "freeze.sh", limit=limit)
        qmp.execute(machine.qmp_socket, "stop")
    except OSError as error:
        raise LabError(
            f"sandbox host {machine.name} cannot be stopped to be saved: {error}",
            next_step="it runs on; try again, or shut it down: ./lab sandbox stop --shutdown",
        ) from error
