"""Whether hosts can go on from saved states on this machine, decided by trying.

Under emulation they can: everything that a processor holds is QEMU's own. Under KVM it depends on the kernel
and the processor of this machine whether a host's running guests, nested ones, survive it.
"""

import json
import shutil
from functools import partial
from pathlib import Path

from minetlab.images.cache import locked, require_free_space
from minetlab.sandbox import agent, resume
from minetlab.sandbox.disk import make_overlay, recorded_sha256
from minetlab.sandbox.launch import launch, wait_for_ssh
from minetlab.sandbox.machine import SandboxHost, sandbox_dir
from minetlab.sandbox.platform import Platform
from minetlab.sandbox.resume import SCRIPTS
from minetlab.sandbox.saved import SavedMemory
from minetlab.util.errors import LabError
from minetlab.util.process import at_the_latest_on_exit
from minetlab.util.progress import Progress

LIMIT = 660.0
"""Seconds for each step inside the host: a minute more than the scripts wait themselves."""


def obstacle(platform: Platform, progress: Progress) -> str | None:
    """Why hosts boot here instead of going on from saved states; None where they go on.

    Under KVM a trial decides, once for each kernel, processor and QEMU of this machine. It takes an image
    that has QEMU: without one, nothing is decided yet.

    :raises LabError: it cannot be tried now.
    """
    if platform.accelerator.name == "tcg":
        return None
    record = sandbox_dir() / "resume-trial.json"
    with locked(record.with_suffix(".lock"), "trial of saved states", progress):
        if (known := _known(record, platform)) is None:
            if platform.spec.image != "warm":
                return "they were not tried under KVM yet, and this image has no QEMU to try them with"
            known = attempt(platform, progress)
            record.write_text(json.dumps({"on": _machine(platform), "obstacle": known}))
    return known or None


def attempt(platform: Platform, progress: Progress) -> str:
    """Save a host in which a guest runs, and have another one go on from that; returns what went wrong.

    :raises LabError: it cannot be tried: the host does not boot in time, or there is no room.
    """
    progress("trying if a host with a running guest goes on from a saved state here")
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
            # A full disk says nothing about states: what was written to it is removed by now.
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
    agent.run(machine.agent_socket, "sh", "-c", text, script, limit=LIMIT)


def _known(record: Path, platform: Platform) -> str | None:
    """What an earlier trial on this machine has found; None where there was none."""
    try:
        found = json.loads(record.read_text())
        return str(found["obstacle"]) if found["on"] == _machine(platform) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _machine(platform: Platform) -> list[str]:
    """What the answer depends on."""
    kernel = Path("/proc/sys/kernel/osrelease").read_text().strip()
    return [kernel, platform.hardware.processor, platform.hardware.qemu]


def _discard(folder: Path, *machines: SandboxHost) -> None:
    for machine in machines:
        machine.kill()
    shutil.rmtree(folder, ignore_errors=True)
