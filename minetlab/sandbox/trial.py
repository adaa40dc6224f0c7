"""Find out by a trial whether hosts can be resumed from saved states on this machine.

Under emulation they can, as QEMU itself has the whole state of a processor. Under KVM, the kernel and the
processor of this machine decide whether a host's running guests, which are nested, survive it.
"""

import json
import shutil
from functools import partial
from pathlib import Path

from minetlab.images.cache import locked, recorded_sha256, require_free_space
from minetlab.sandbox import agent, resume
from minetlab.sandbox.disk import make_overlay
from minetlab.sandbox.launch import launch, wait_for_ssh
from minetlab.sandbox.machine import SandboxHost, sandbox_dir
from minetlab.sandbox.platform import Platform
from minetlab.sandbox.resume import SCRIPTS
from minetlab.sandbox.saved import SavedMemory
from minetlab.util.errors import LabError
from minetlab.util.process import at_the_latest_on_exit
from minetlab.util.progress import Progress

RESUME_TRIAL_LIMIT = 660.0
"""Seconds for each script inside the host: a minute more than the scripts themselves wait."""


def obstacle(platform: Platform, progress: Progress) -> str | None:
    """Say why hosts cannot be resumed from saved states on this machine.

    Under KVM, a trial decides, once for each kernel, processor and QEMU of this machine. It needs a ``warm``
    image, which has QEMU for the guest; with a ``bare`` one, the trial is left to a later host.

    :param platform: what the host runs on.
    :param progress: told when a trial starts.
    :return: the reason in words; None if hosts can be resumed.
    :raises LabError: the trial cannot be made now.
    """
    if platform.accelerator.name == "tcg":
        return None
    record = sandbox_dir() / "resume-trial.json"
    with locked(record.with_suffix(".lock"), "trial of saved states", progress):
        if (problem := _recorded(record, platform)) is None:
            if platform.spec.image != "warm":
                return "this needs a trial under KVM first, for which a bare image lacks QEMU"
            problem = attempt(platform, progress)
            record.write_text(json.dumps({"on": _conditions(platform), "obstacle": problem}))
    return problem or None


def attempt(platform: Platform, progress: Progress) -> str:
    """Save a host in which a guest runs, and resume another host from that memory.

    :param platform: what the hosts run on, with a ``warm`` image.
    :param progress: told each step.
    :return: what went wrong, in one line; empty if the guest runs on.
    :raises LabError: the trial cannot be made: the host does not boot in time, or there is no room.
    """
    progress("trying whether a host with a running guest can be resumed from a saved state here")
    folder = sandbox_dir() / ".resume-trial"
    first, second = SandboxHost("trial", folder / "first"), SandboxHost("trial", folder / "second")
    with at_the_latest_on_exit(partial(_discard, folder, first, second)):
        _discard(folder, first, second)
        for machine in (first, second):
            machine.folder.mkdir(mode=0o700, parents=True)
        make_overlay(platform.toolbox, first.disk, platform.image)
        launch(first, platform)
        wait_for_ssh(first, platform.accelerator, progress)
        try:
            _try(platform, first, second, progress)
        except (OSError, LabError) as error:
            # A full disk proves nothing about saved states. What a failed save had written is removed by now.
            require_free_space(folder, platform.spec.memory / 1024, "a trial of saved states")
            return f"a trial under KVM failed: {error}".splitlines()[0]
    return ""


def _try(platform: Platform, first: SandboxHost, second: SandboxHost, progress: Progress) -> None:
    memory = SavedMemory(first.folder / "saved")
    _run(first, "tick.sh")
    memory.save(first, platform, recorded_sha256(platform.image))
    first.kill()
    first.disk.rename(second.disk)
    launch(second, platform, incoming=True)
    memory.load(second)
    resume.go_on(second, platform.accelerator, progress)
    _run(second, "ticks.sh")


def _run(machine: SandboxHost, script: str) -> None:
    text = (SCRIPTS / script).read_text()
    agent.run(machine.agent_socket, "sh", "-c", text, script, limit=RESUME_TRIAL_LIMIT)


def _recorded(record: Path, platform: Platform) -> str | None:
    """Return the result of an earlier trial under the same conditions; None if there was none."""
    try:
        content = json.loads(record.read_text())
        return str(content["obstacle"]) if content["on"] == _conditions(platform) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _conditions(platform: Platform) -> list[str]:
    """Return what the result of a trial depends on."""
    kernel = Path("/proc/sys/kernel/osrelease").read_text().strip()
    return [kernel, platform.hardware.processor, platform.hardware.qemu]


def _discard(folder: Path, *machines: SandboxHost) -> None:
    for machine in machines:
        machine.kill()
    shutil.rmtree(folder, ignore_errors=True)
