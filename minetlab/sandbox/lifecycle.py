"""Start, stop and remove sandbox hosts."""

import shutil
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from minetlab.images import build_disk
from minetlab.images.cache import recorded_sha256, require_free_space
from minetlab.images.toolbox import Toolbox, ensure_toolbox
from minetlab.sandbox import in_use, prune, qmp, replace, resume, trial
from minetlab.sandbox.accelerator import Accelerator, choose_accelerator
from minetlab.sandbox.booted import ensure_booted
from minetlab.sandbox.disk import broken_image, make_overlay
from minetlab.sandbox.images import sandbox_recipe
from minetlab.sandbox.launch import launch, wait_for_ssh
from minetlab.sandbox.machine import Connection, HostRecord, SandboxHost, sandbox_dir
from minetlab.sandbox.platform import Platform
from minetlab.sandbox.saved import SavedMemory, suspended
from minetlab.sandbox.spec import SandboxSpec
from minetlab.util.errors import LabError
from minetlab.util.progress import Heartbeat, Progress

HOST_SHUTDOWN_LIMIT = 60.0
"""Seconds for a host to shut down before its QEMU is killed."""
DISK_RESERVE_GIB = 4.0
"""Free disk in GiB for what a host writes in a session: packages, images, guests' overlays."""
QEMU_OVERHEAD_MIB = 200
"""Memory, in MiB, that QEMU needs in addition to the memory of the machine."""
STOPPED_TO_BE_SAVED = frozenset({"paused", "finish-migrate", "postmigrate", "save-vm"})
"""States (QEMU's ``RunState``) of a machine that was stopped to save its memory, and was not resumed yet."""
OUT_OF_ROOM = "io-error"
"""The state of a machine whose write found the disk full: QEMU stops it, as its ``werror`` is ``enospc``."""
WRITES_AGAIN = 2.0
"""Seconds within which QEMU stops a machine again if its disk is still full."""


def start(name: str, spec: SandboxSpec, progress: Progress, groups: Iterable[str] = ()) -> Connection:
    """Start a sandbox host unless it runs, and wait until SSH answers.

    A suspended host is resumed, a new one starts from its booted image; all others boot from their disk.

    :param name: the host's name, without ``@sandbox/``.
    :param spec: its virtual hardware and image.
    :param progress: told each step.
    :param groups: the inventory's groups of the host; a new host has their daemons running.
    :return: how to reach the host.
    :raises LabError: there is no room for the host, or it does not come up; if it has just booted, it is
        killed then.
    """
    machine = SandboxHost(name)
    with machine.locked(progress):
        settle(machine, progress)
        record = machine.record
        if machine.pid is not None and record is not None:
            _check_same_disk(machine, record, spec)
            if record.spec != spec:
                progress(
                    "already runs, with other hardware than the inventory says; to change that: "
                    f"./lab sandbox stop --shutdown {name}, then ./lab up"
                )
            return wait_for_ssh(machine, record.accelerator, progress, new=False)
        machine.folder.mkdir(exist_ok=True, mode=0o700)
        _require_free_memory(machine, spec)
        toolbox = ensure_toolbox(progress)
        kept_image = _kept_image(machine, spec, progress)
        image = kept_image or build_disk(sandbox_recipe(spec.debian, spec.image, spec.disk), progress)
        require_free_space(machine.folder, DISK_RESERVE_GIB, f"sandbox host {name}")
        platform = platform_of(spec, image, toolbox, progress, groups)
        if kept_image and record:
            return _resume(machine, record, platform, progress) or _boot(machine, record, platform, progress)
        return _make(machine, platform, progress)


def connection(name: str) -> Connection:
    """Return how to reach a host by SSH.

    A suspended host is resumed first, with the virtual hardware that it had, and with progress on stderr.

    :param name: the host's name, without ``@sandbox/``.
    :return: its address, port, user and keys.
    :raises LabError: it neither runs nor is suspended, or it does not come up.
    """
    machine = SandboxHost(name)
    if not _runs(machine) and (suspended(machine).exists or machine.pid) and (record := machine.record):
        return start(name, record.spec, lambda message: print(f"[{name}] {message}", file=sys.stderr))
    return machine.connection()


def _runs(machine: SandboxHost) -> bool:
    """Return whether a host runs and is not in the middle of being saved or resumed by a killed run."""
    if machine.pid is None or machine.clock_stopped.exists():
        return False
    try:
        return qmp.run_state(machine.qmp_socket) == "running"
    except OSError:
        return True


def stop(name: str, progress: Progress, *, shutdown: bool = False) -> None:
    """Suspend a running host: save its memory, from which the next start resumes it.

    Where hosts cannot be suspended at all, it is shut down as by its power button, or else killed.

    :param name: the host's name, without ``@sandbox/``.
    :param progress: told each step.
    :param shutdown: shut the host down even if it can be suspended; if it is, drop its saved memory.
    :raises LabError: another run has locked the host, or its memory cannot be saved; the host runs on then.
    """
    machine = SandboxHost(name)
    with machine.locked(progress):
        settle(machine, progress)
        if machine.pid is None:
            if shutdown and suspended(machine).exists:
                suspended(machine).remove()
                progress("its saved memory is removed: the next start boots it")
            return
        if not shutdown and (reason := _suspend(machine, progress)):
            progress(f"cannot be suspended: {reason}")
            shutdown = True
        if shutdown:
            _shut_down(machine, progress)


def remove(name: str, progress: Progress) -> None:
    """Kill a host and delete everything of it: disk, saved memory, keys and record.

    :param name: the host's name, without ``@sandbox/``.
    :param progress: told when it is removed.
    :raises LabError: another run has locked the host.
    """
    machine = SandboxHost(name)
    with machine.locked(progress):
        machine.kill()
        replace.finish(machine)
        if machine.folder.exists():
            shutil.rmtree(machine.folder)
            progress("removed")


def platform_of(
    spec: SandboxSpec, image: Path, toolbox: Toolbox, progress: Progress, groups: Iterable[str] = ()
) -> Platform:
    """Return the platform on which a host of this kind runs on this machine, now.

    :param spec: the host's virtual hardware and image.
    :param image: the image at the bottom of its disk.
    :param toolbox: has its QEMU.
    :param progress: told when a trial boot is needed to choose the accelerator.
    :param groups: the inventory's groups of the host.
    :return: the platform.
    :raises LabError: the accelerator cannot be chosen, as another run is at it for too long.
    """
    accelerator = choose_accelerator(toolbox, image, sandbox_dir() / "accelerator.json", progress)
    with_daemons = sorted(groups) if spec.image == "warm" else ()
    return Platform(spec, tuple(with_daemons), image, accelerator, toolbox)


def settle(machine: SandboxHost, progress: Progress) -> None:
    """Repair the state in which an interrupted run has left a host; resume it if it was stopped.

    A machine must not run on once its memory is saved. So if there is a saved memory, QEMU is killed, which
    loses nothing.

    :param machine: the host, which the caller has locked.
    :param progress: told what is repaired.
    :raises LabError: the host is stopped because its disk is full, or its record cannot be read.
    """
    replace.finish(machine)
    suspended(machine).sweep()
    if machine.pid is None:
        return
    record = machine.record
    if record is None or suspended(machine).exists:
        machine.kill()
        return
    with suppress(OSError):  # where QEMU does not answer, the command that needs the host reports that
        state = qmp.run_state(machine.qmp_socket)
        if state in STOPPED_TO_BE_SAVED or (state == "running" and machine.clock_stopped.exists()):
            progress("resuming it: an earlier run was interrupted while saving or resuming it")
            qmp.cancel_migration(machine.qmp_socket)
            resume.go_on(machine, record.accelerator, progress)
        elif state == OUT_OF_ROOM:
            _try_to_write_again(machine, record.accelerator, progress)


def _try_to_write_again(machine: SandboxHost, accelerator: Accelerator, progress: Progress) -> None:
    """Resume a machine that QEMU has stopped because its disk was full."""
    machine.clock_stopped.touch()
    qmp.execute(machine.qmp_socket, "cont")
    time.sleep(WRITES_AGAIN)
    if qmp.run_state(machine.qmp_socket) == OUT_OF_ROOM:
        raise LabError(
            f"sandbox host {machine.name} is stopped: there is no room for what it writes to {machine.disk}",
            next_step="free some disk there, and run the same command again, which resumes it",
        )
    progress("resuming it: its disk has room again")
    resume.go_on(machine, accelerator, progress)


def _make(machine: SandboxHost, platform: Platform, progress: Progress) -> Connection:
    """Make a new host, from its booted image where saved states work here, else by booting it."""
    machine.disk.unlink(missing_ok=True)
    machine.clock_stopped.unlink(missing_ok=True)
    suspended(machine).remove()
    in_use.register()
    record = HostRecord(
        spec=platform.spec,
        image=platform.image,
        image_sha256=recorded_sha256(platform.image),
        accelerator=platform.accelerator,
        hardware=platform.hardware,
    )
    try:
        reason = trial.obstacle(platform, progress)
    except LabError as error:
        reason = f"saved states could not be tried under KVM: {error.problem.splitlines()[0]}"
    if not reason:
        try:
            reached = _make_from_booted(machine, record, platform, progress)
        except OSError as error:
            machine.kill()
            machine.disk.unlink(missing_ok=True)
            reason = str(error)
        else:
            prune.keep_within_bounds(progress)
            return reached
    progress(f"booting instead of resuming from a saved state: {reason}")
    make_overlay(platform.toolbox, machine.disk, platform.image)
    return _boot(machine, record, platform, progress)


def _make_from_booted(
    machine: SandboxHost, record: HostRecord, platform: Platform, progress: Progress
) -> Connection:
    """Make a host by resuming a booted image under the host's own identity."""
    booted = ensure_booted(platform, progress)
    heartbeat = Heartbeat("resuming", progress)
    make_overlay(platform.toolbox, machine.disk, booted.disk)
    launch(machine, platform, incoming=True)
    booted.memory.load(machine)
    resume.go_on_as_new_host(machine, platform.groups, platform.accelerator)
    reached = wait_for_ssh(machine, platform.accelerator, progress)
    update = {"booted": booted.disk, "booted_sha256": recorded_sha256(booted.disk)}
    machine.record = record.model_copy(update=update)  # last: only a host with a record counts as made
    progress(f"resumed from {booted.folder.name} ({heartbeat.elapsed:.0f} s)")
    return reached


def _boot(machine: SandboxHost, record: HostRecord, platform: Platform, progress: Progress) -> Connection:
    update = {"spec": platform.spec, "accelerator": platform.accelerator, "hardware": platform.hardware}
    machine.record = record.model_copy(update=update)
    progress(f"booting with accelerator {platform.accelerator.name}: {platform.accelerator.reason}")
    machine.clock_stopped.unlink(missing_ok=True)
    launch(machine, platform)
    return wait_for_ssh(machine, platform.accelerator, progress)


def _resume(
    machine: SandboxHost, record: HostRecord, platform: Platform, progress: Progress
) -> Connection | None:
    """Resume a suspended host; return None if it was not suspended, or its memory cannot be used."""
    memory = suspended(machine)
    if not memory.exists:
        return None
    heartbeat = Heartbeat("resuming", progress)
    obstacle = (
        memory.obstacle(platform, record.image_sha256, machine.disk)
        or trial.obstacle(platform, progress)
        or _load(memory, machine, platform)
    )
    memory.remove()
    if obstacle:
        progress(f"its saved memory is not used: {obstacle}")
        return None
    resume.go_on(machine, platform.accelerator, progress)
    reached = wait_for_ssh(machine, platform.accelerator, progress, new=False)
    progress(f"resumed ({heartbeat.elapsed:.0f} s)")
    return reached


def _load(memory: SavedMemory, machine: SandboxHost, platform: Platform) -> str | None:
    """Start a host's QEMU, stopped, with its saved memory; return why QEMU refuses the memory, or None."""
    machine.clock_stopped.touch()
    try:
        launch(machine, platform, incoming=True)
        memory.load(machine)
    except qmp.RefusedError as error:
        machine.kill()
        return f"QEMU does not take it: {error}"
    except OSError as error:  # not a refusal: the memory may be good
        machine.kill()
        raise LabError(
            f"sandbox host {machine.name} cannot be resumed: {error}; its memory is kept",
            next_step="run the same command again; to boot it instead, without what ran in it: "
            f"./lab sandbox stop --shutdown {machine.name}",
        ) from error
    return None


def _suspend(machine: SandboxHost, progress: Progress) -> str | None:
    """Save a running host's memory and end its QEMU; return why this is not possible, or None."""
    record = machine.record
    if record is None:
        return "it is not known what it was made of"
    if not resume.agent_answers(machine, record.accelerator):
        raise LabError(
            f"sandbox host {machine.name} cannot be suspended: its guest agent does not answer",
            next_step=f"it runs on; try again, or shut it down: ./lab sandbox stop --shutdown {machine.name}",
        )
    heartbeat = Heartbeat("saving its memory", progress)
    platform = Platform(record.spec, (), record.image, record.accelerator, ensure_toolbox(progress))
    if reason := trial.obstacle(platform, progress):
        return reason
    memory = suspended(machine)
    try:
        memory.save(machine, platform, record.image_sha256)
    except BaseException:  # Ctrl-C, too
        if not memory.exists:  # once its memory is saved, the host must not run on
            resume.go_on(machine, record.accelerator, progress)
        raise
    machine.kill()
    progress(f"suspended: its memory, with its secrets, is in {memory.folder} ({heartbeat.elapsed:.0f} s)")
    return None


def _shut_down(machine: SandboxHost, progress: Progress) -> None:
    progress("shutting down")
    try:
        qmp.execute(machine.qmp_socket, "system_powerdown")
    except OSError as error:
        progress(f"no answer from its QEMU ({error}): ending it")
        machine.kill()
    if not machine.wait_for_exit(HOST_SHUTDOWN_LIMIT):
        progress(f"still up after {HOST_SHUTDOWN_LIMIT:.0f} s: ending it")
        machine.kill()


def _check_same_disk(machine: SandboxHost, record: HostRecord, spec: SandboxSpec) -> None:
    present, wanted = _disk_in_words(record.spec), _disk_in_words(spec)
    if present != wanted:
        raise LabError(
            f"sandbox host {machine.name} was made as {present}; the inventory now says {wanted}",
            next_step=f"remove it and everything on it: ./lab sandbox rm {machine.name}",
        )


def _disk_in_words(spec: SandboxSpec) -> str:
    return f"Debian {spec.debian}, {spec.image}, {spec.disk} GiB"


def _kept_image(machine: SandboxHost, spec: SandboxSpec, progress: Progress) -> Path | None:
    """Return the image under the machine's disk; None if the machine has no usable disk."""
    record = machine.record
    if record is None or not machine.disk.exists():
        return None
    _check_same_disk(machine, record, spec)
    if broken := broken_image(record):
        progress(f"its image {broken} is gone or damaged: starting with a new disk")
        return None
    return record.image


def available_memory() -> int:
    """Return how much memory new processes of this machine can have, in MiB (``MemAvailable``)."""
    fields = (line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    return next(int(value.split()[0]) for key, value in fields if key == "MemAvailable") // 1024


def _require_free_memory(machine: SandboxHost, spec: SandboxSpec) -> None:
    available = available_memory()
    needed = spec.memory + QEMU_OVERHEAD_MIB
    if available < needed:
        raise LabError(
            f"sandbox host {machine.name} needs {needed} MiB of memory, {available} MiB are available",
            next_step="end other programs, or lower sandbox_memory in the host's data",
        )
