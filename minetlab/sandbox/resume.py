"""What is done inside a sandbox host around a saved memory, by scripts that its guest agent runs.

The scripts, in ``templates/sandbox-agent/``, are handed over each time: a host of any age runs those of now.
"""

import time
from collections.abc import Iterable
from contextlib import suppress

from minetlab.sandbox import agent, qmp
from minetlab.sandbox.accelerator import Accelerator
from minetlab.sandbox.identity import identity_archive
from minetlab.sandbox.machine import SandboxHost
from minetlab.util.paths import TEMPLATES
from minetlab.util.progress import Progress

SCRIPTS = TEMPLATES / "sandbox-agent"
PREPARE = (SCRIPTS / "prepare.sh").read_text()
RESUME = (SCRIPTS / "resume.sh").read_text()
PREPARE_LIMIT, RESUME_LIMIT, CLOCKS_LIMIT = 120.0, 30.0, 12.0
"""Seconds for prepare.sh, for resume.sh, and for each of the two virsh commands that resume.sh waits for.

They are multiplied by the accelerator's slowness; some 20, 3 and 1 are usual for tcg.
"""
ANSWER_LIMIT = 2.0
"""Seconds for the agent to say that it is there, times the accelerator's slowness."""


def prepare(machine: SandboxHost, groups: Iterable[str], accelerator: Accelerator) -> None:
    """Have a host that has just booted run the daemons of its groups, and forget who it is.

    :param groups: of the inventory.
    :raises OSError: that fails.
    """
    limit = PREPARE_LIMIT * accelerator.slowness
    agent.run(machine.agent_socket, "sh", "-c", PREPARE, "prepare.sh", *groups, limit=limit)


def go_on(machine: SandboxHost, accelerator: Accelerator, progress: Progress) -> None:
    """Let a stopped host run again, with the right time in it and in its guests; a failure is said."""
    try:
        _resume(machine, accelerator)
    except OSError as error:
        progress(f"goes on, but not all in it may be right (clocks, guests that stand still): {error}")
    machine.clock_stopped.unlink(missing_ok=True)  # nobody was killed on the way here


def let_run(machine: SandboxHost) -> None:
    """Let a stopped host run again at once, its clock not set yet; nothing if its QEMU does not answer."""
    with suppress(OSError):
        qmp.execute(machine.qmp_socket, "cont")


def go_on_as_another(machine: SandboxHost, groups: Iterable[str], accelerator: Accelerator) -> None:
    """Let a prepared host run again, as the one that ``machine`` is, with the daemons of its groups.

    Nobody is let in before it is that one.

    :param groups: of the inventory.
    :raises OSError: that fails.
    """
    _resume(machine, accelerator, "new", *groups, stdin=identity_archive(machine.folder, machine.name))


def _resume(machine: SandboxHost, accelerator: Accelerator, *arguments: str, stdin: bytes = b"") -> None:
    qmp.execute(machine.qmp_socket, "cont")
    limit = RESUME_LIMIT * accelerator.slowness
    agent.run(machine.agent_socket, "true", limit=limit)  # what it takes to answer is not in the time below
    words = ("sh", "-c", RESUME, "resume.sh", f"{time.time():.3f}", f"{CLOCKS_LIMIT * accelerator.slowness}")
    agent.run(machine.agent_socket, *words, *arguments, stdin=stdin, limit=limit)


def answers(machine: SandboxHost, accelerator: Accelerator) -> bool:
    """Whether the host has a guest agent that answers."""
    try:
        agent.run(machine.agent_socket, "true", limit=ANSWER_LIMIT * accelerator.slowness)
    except OSError:
        return False
    return True
