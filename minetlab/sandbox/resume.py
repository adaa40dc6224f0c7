"""Run scripts inside a sandbox host before its memory is saved, and when it is resumed.

The host's guest agent runs them. The scripts, in ``templates/sandbox-agent/``, are sent to it each time, so
that hosts made by an older version of minet-lab run the present ones, too.
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

They are multiplied by the accelerator's slowness; with tcg, about 20, 3 and 1 are usual.
"""
AGENT_ANSWER_LIMIT = 2.0
"""Seconds for the guest agent to answer, times the accelerator's slowness."""


def prepare(machine: SandboxHost, groups: Iterable[str], accelerator: Accelerator) -> None:
    """Start the daemons of a freshly booted host, and remove its identity, before its memory is saved.

    :param machine: the host, which runs.
    :param groups: the inventory's groups whose daemons are started once.
    :param accelerator: how the host runs, which decides how long to wait.
    :raises OSError: the guest agent does not answer in time, or prepare.sh fails.
    """
    limit = PREPARE_LIMIT * accelerator.slowness
    agent.run(machine.agent_socket, "sh", "-c", PREPARE, "prepare.sh", *groups, limit=limit)


def go_on(machine: SandboxHost, accelerator: Accelerator, progress: Progress) -> None:
    """Resume a stopped host and its guests, and set their clocks; failures only go to ``progress``."""
    try:
        _resume(machine, accelerator)
    except OSError as error:
        progress(f"resumed, but parts of it may be wrong (clocks, guests that are still stopped): {error}")
    machine.clock_stopped.unlink(missing_ok=True)  # only a run that was killed before this line leaves it


def let_run(machine: SandboxHost) -> None:
    """Resume a stopped host at once, without setting its clock; do nothing if its QEMU does not answer."""
    with suppress(OSError):
        qmp.execute(machine.qmp_socket, "cont")


def go_on_as_new_host(machine: SandboxHost, groups: Iterable[str], accelerator: Accelerator) -> None:
    """Resume a booted image as a new host, with the host's own identity and the daemons of its groups.

    The host accepts no login before it has its identity.

    :param machine: the new host, whose QEMU has loaded the booted image's memory.
    :param groups: the inventory's groups of the host.
    :param accelerator: how the host runs, which decides how long to wait.
    :raises OSError: QEMU or the guest agent does not answer in time, or resume.sh fails.
    """
    _resume(machine, accelerator, "new", *groups, stdin=identity_archive(machine.folder, machine.name))


def _resume(machine: SandboxHost, accelerator: Accelerator, *arguments: str, stdin: bytes = b"") -> None:
    qmp.execute(machine.qmp_socket, "cont")
    limit = RESUME_LIMIT * accelerator.slowness
    # Wait for the agent's first answer, so that the time given to resume.sh is not older than need be.
    agent.run(machine.agent_socket, "true", limit=limit)
    words = ("sh", "-c", RESUME, "resume.sh", f"{time.time():.3f}", f"{CLOCKS_LIMIT * accelerator.slowness}")
    agent.run(machine.agent_socket, *words, *arguments, stdin=stdin, limit=limit)


def agent_answers(machine: SandboxHost, accelerator: Accelerator) -> bool:
    """Return whether the host has a guest agent that answers."""
    try:
        agent.run(machine.agent_socket, "true", limit=AGENT_ANSWER_LIMIT * accelerator.slowness)
    except OSError:
        return False
    return True
