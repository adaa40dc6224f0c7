"""Stop a machine so that it can be saved.

Its guests stand still first. A processor that QEMU emulates must not be stopped while it is inside a
guest of the machine: the guest may hang for ever afterwards, and QEMU itself refuses a state that is saved
then (docs/decisions/hosts-resume.md).
"""

from minetlab.sandbox import agent, qmp
from minetlab.sandbox.accelerator import Accelerator
from minetlab.sandbox.machine import SandboxHost
from minetlab.sandbox.resume import SCRIPTS
from minetlab.util.errors import LabError

FREEZE = (SCRIPTS / "freeze.sh").read_text()
LIMIT = 10.0
"""Seconds for a machine's guests to stand still, times the accelerator's slowness; one is usual for tcg.

With that, it is less than the minute after which they go on by themselves.
"""


def pause(machine: SandboxHost, accelerator: Accelerator) -> None:
    """Stop a machine that runs, its guests first; :func:`~minetlab.sandbox.resume.go_on` has all go on.

    :raises LabError: it cannot be stopped so; it runs on, and its guests do after a minute.
    """
    try:
        if qmp.run_state(machine.qmp_socket) != "running":
            return
        machine.clock_stopped.touch()
        limit = LIMIT * accelerator.slowness
        agent.run(machine.agent_socket, "sh", "-c", FREEZE, "freeze.sh", limit=limit)
        qmp.execute(machine.qmp_socket, "stop")
    except OSError as error:
        raise LabError(
            f"sandbox host {machine.name} cannot be stopped to be saved: {error}",
            next_step="it goes on; try again, or shut it down instead: ./lab sandbox stop --shutdown",
        ) from error
