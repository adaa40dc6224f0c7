"""Start, stop and remove sandbox hosts."""

import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from minetlab.images import build_disk
from minetlab.images.cache import require_free_space
from minetlab.images.toolbox import Toolbox, ensure_toolbox
from minetlab.sandbox import in_use, prune, qmp, replace, resume, trial
from minetlab.sandbox.accelerator import Accelerator, choose_accelerator
from minetlab.sandbox.booted import BootedImage, ensure_booted
from minetlab.sandbox.disk import broken_image, make_overlay, recorded_sha256
from minetlab.sandbox.images import sandbox_recipe
from minetlab.sandbox.launch import launch, wait_for_ssh
from minetlab.sandbox.machine import Connection, HostRecord, SandboxHost, sandbox_dir
from minetlab.sandbox.platform import Platform
from minetlab.sandbox.saved import suspended
from minetlab.sandbox.spec import SandboxSpec
from minetlab.util.errors import LabError
from minetlab.util.progress import Heartbeat, Progress

SHUTDOWN_LIMIT = 60.0
DISK_RESERVE_GIB = 4.0
"""What a host may write to its disk in a session: packages, images, guests' overlays."""
QEMU_OVERHEAD_MIB = 200
STOPPED_TO_BE_SAVED = frozenset({"paused", "finish-migrate", "postmigrate", "save-vm"})
"""What a machine does (QEMU's ``RunState``) while its memory is saved, and until it is let go on."""
OUT_OF_ROOM = "io-error"
"""What it does once a write to its disk has failed: QEMU stops it, as its ``werror`` is ``enospc``."""
WRITES_AGAIN = 2.0
"""Seconds within which a machine that still has no room is stopped again."""


def start(name: str, spec: SandboxSpec, progress: Progress, groups: Iterable[str] = ()) -> Connection:
    """Have the sandbox host ``name`` run, and wait until SSH answers.

    One that was suspended goes on where it was, a new one where its booted image is; others boot.

    :param progress: told each step; takes one line.
    :param groups: the inventory's groups that it is of: a new host has their daemons running.
    :raises LabError: there is no room for it, or it does not come up; what was booted is ended.
    """
    machine = SandboxHost(name)
    with machine.locked(progress):
        settle(machine, progress)
        record = machine.record
        if machine.pid is not None and record is not None:
            _check_same(machine, record, spec, progress)
            return wait_for_ssh(machine, record.accelerator, progress, new=False)
        machine.folder.mkdir(exist_ok=True, mode=0o700)
        _require_free_memory(machine, spec)
        toolbox = ensure_toolbox(progress)
        kept = _kept_image(machine, spec, progress)
        image = kept or build_disk(sandbox_recipe(spec.debian, spec.image, spec.disk), progress)
        require_free_space(machine.folder, DISK_RESERVE_GIB, f"sandbox host {name}")
        platform = platform_of(spec, image, toolbox, progress, groups)
        if kept and record:
            return _go_on(machine, record, platform, progress) or _boot(machine, record, platform, progress)
        return _make(machine, platform, progress)


def connect(name: str, progress: Progress) -> Connection:
    """How to reach a host that runs, or is suspended: it goes on then, on the hardware that it had.

    :raises LabError: it neither runs nor is suspended, or does not come up.
    """
    machine = SandboxHost(name)
    if not _runs(machine) and (suspended(machine).exists or machine.pid) and (record := machine.record):
        return start(name, record.spec, progress)
    return machine.connection()


def _runs(machine: SandboxHost) -> bool:
    """Whether it does, and is as it should be: no run that was saving it was killed."""
    if machine.pid is None or machine.clock_stopped.exists():
        return False
    try:
        return qmp.run_state(machine.qmp_socket) == "running"
    except OSError:
        return True


def stop(name: str, progress: Progress, *, shutdown: bool = False) -> None:
    """Suspend a running host: its memory is saved, and it goes on there when it is next wanted.

    Where hosts cannot be suspended at all, it is shut down as its power button does, or by force if it does
    not heed that.

    :param shutdown: shut it down, also where it could be suspended, or is.
    :raises LabError: another run holds it, or its memory cannot be saved: it goes on then.
    """
    machine = SandboxHost(name)
    with machine.locked(progress):
        settle(machine, progress)
        if machine.pid is None:
            if shutdown and suspended(machine).exists:
                suspended(machine).remove()
                progress("its saved memory is removed: it boots when it is next wanted")
            return
        if not shutdown and (reason := _suspend(machine, progress)):
            progress(f"cannot be suspended: {reason}")
            shutdown = True
        if shutdown:
            _shut_down(machine, progress)


def remove(name: str, progress: Progress) -> None:
    """End the host at once and delete all that is kept of it.

    :raises LabError: another run holds it.
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
    """What a host of this kind runs on, here and now.

    :param image: the one at the bottom of its disk.
    :param groups: the inventory's groups that the host is of.
    """
    accelerator = choose_accelerator(toolbox, image, sandbox_dir() / "accelerator.json", progress)
    with_daemons = sorted(groups) if spec.image == "warm" else ()
    return Platform(spec, tuple(with_daemons), image, accelerator, toolbox)


def settle(machine: SandboxHost, progress: Progress) -> None:
    """Bring a host that an interrupted run has left half-way back to where it was before.

    A machine never runs on beside its saved memory: where there is one, its QEMU has nothing to lose.

    :raises LabError: it stands still, as there is no room for what it writes.
    """
    replace.finish(machine)
    suspended(machine).sweep()
    if machine.pid is None:
        return
    record = machine.record
    if record is None or suspended(machine).exists:
        machine.kill()
        return
    with suppress(OSError):  # one that does not answer is left for those who want something of it
        state = qmp.run_state(machine.qmp_socket)
        if state in STOPPED_TO_BE_SAVED or (state == "running" and machine.clock_stopped.exists()):
            progress("goes on: a run that was saving its memory, or having it go on, was interrupted")
            qmp.cancel_migration(machine.qmp_socket)
            resume.go_on(machine, record.accelerator, progress)
        elif state == OUT_OF_ROOM:
            _try_to_write_again(machine, record.accelerator, progress)


def _try_to_write_again(machine: SandboxHost, accelerator: Accelerator, progress: Progress) -> None:
    """Let a machine go on that QEMU has stopped as its disk could not be written to.

    :raises LabError: there is still no room.
    :raises OSError: QEMU does not answer.
    """
    machine.clock_stopped.touch()
    qmp.execute(machine.qmp_socket, "cont")
    time.sleep(WRITES_AGAIN)
    if qmp.run_state(machine.qmp_socket) == OUT_OF_ROOM:
        raise LabError(
            f"sandbox host {machine.name} stands still: no room is left for what it writes to {machine.disk}",
            next_step="free some disk there, and run the same command again: it goes on where it is",
        )
    progress("goes on: there is room again for what it writes")
    resume.go_on(machine, accelerator, progress)


def _make(machine: SandboxHost, platform: Platform, progress: Progress) -> Connection:
    """Make a host that was never there, or of which nothing is left."""
    machine.disk.unlink(missing_ok=True)
    machine.clock_stopped.unlink(missing_ok=True)
    suspended(machine).remove()
    in_use.register()
    record = HostRecord(
        spec=platform.spec,
        image=platform.image,
        image_sha256=recorded_sha256(platform.image),
        accelerator=platform.accelerator,
    )
    try:
        reason = trial.obstacle(platform, progress)
    except LabError as error:
        reason = f"saved states could not be tried under KVM: {error.problem.splitlines()[0]}"
    if not reason:
        try:
            connection = _make_from(ensure_booted(platform, progress), machine, record, platform, progress)
        except OSError as error:
            machine.kill()
            machine.disk.unlink(missing_ok=True)
            reason = str(error)
        else:
            prune.keep_within_bounds(progress)
            return connection
    progress(f"boots instead of going on from a saved state: {reason}")
    make_overlay(platform.toolbox, machine.disk, platform.image)
    return _boot(machine, record, platform, progress)


def _make_from(
    booted: BootedImage,
    machine: SandboxHost,
    record: HostRecord,
    platform: Platform,
    progress: Progress,
) -> Connection:
    """Make a host that goes on from a booted image, as another one.

    :raises OSError: it does not.
    """
    heartbeat = Heartbeat("resuming", progress)
    make_overlay(platform.toolbox, machine.disk, booted.disk)
    launch(machine, platform, incoming=True)
    booted.memory.load(machine)
    resume.go_on_as_another(machine, platform.groups, platform.accelerator)
    connection = wait_for_ssh(machine, platform.accelerator, progress)
    update = {
        "booted": booted.disk,
        "booted_sha256": recorded_sha256(booted.disk),
        "hardware": platform.hardware,
    }
    machine.record = record.model_copy(update=update)  # last: a host without it is not there
    progress(f"goes on from {booted.folder.name} ({heartbeat.elapsed:.0f} s)")
    return connection


def _boot(machine: SandboxHost, record: HostRecord, platform: Platform, progress: Progress) -> Connection:
    """Boot a host from its disk."""
    update = {"spec": platform.spec, "accelerator": platform.accelerator, "hardware": platform.hardware}
    machine.record = record.model_copy(update=update)
    progress(f"booting with accelerator {platform.accelerator.name}: {platform.accelerator.reason}")
    machine.clock_stopped.unlink(missing_ok=True)
    launch(machine, platform)
    return wait_for_ssh(machine, platform.accelerator, progress)


def _go_on(
    machine: SandboxHost, record: HostRecord, platform: Platform, progress: Progress
) -> Connection | None:
    """Have a suspended host go on; None where it was not suspended, or cannot go on, which is said.

    :raises LabError: QEMU neither takes nor refuses its memory, which is kept.
    """
    memory = suspended(machine)
    if not memory.exists:
        return None
    heartbeat = Heartbeat("resuming", progress)
    obstacle = memory.obstacle(platform, record.image_sha256, machine.disk) or trial.obstacle(
        platform, progress
    )
    if not obstacle:
        machine.clock_stopped.touch()
        try:
            launch(machine, platform, incoming=True)
            memory.load(machine)
        except qmp.RefusedError as error:
            machine.kill()
            obstacle = f"QEMU does not take it: {error}"
        except OSError as error:
            machine.kill()
            raise LabError(
                f"sandbox host {machine.name} does not go on: {error}; its memory is kept",
                next_step="run the same command again; to have it boot instead, without what ran in it: "
                f"./lab sandbox stop --shutdown {machine.name}",
            ) from error
    memory.remove()
    if obstacle:
        progress(f"its saved memory is not used: {obstacle}")
        return None
    resume.go_on(machine, platform.accelerator, progress)
    connection = wait_for_ssh(machine, platform.accelerator, progress, new=False)
    progress(f"resumed ({heartbeat.elapsed:.0f} s)")
    return connection


def _suspend(machine: SandboxHost, progress: Progress) -> str | None:
    """Save a running host's memory and end its QEMU; returns why that cannot be."""
    record = machine.record
    if record is None:
        return "it is not known what it was made of"
    if not resume.answers(machine, record.accelerator):
        raise LabError(
            f"sandbox host {machine.name} cannot be suspended: its guest agent does not answer",
            next_step="it goes on; try again, or end what runs in it: "
            f"./lab sandbox stop --shutdown {machine.name}",
        )
    heartbeat = Heartbeat("saving its memory", progress)
    platform = Platform(record.spec, (), record.image, record.accelerator, ensure_toolbox(progress))
    if reason := trial.obstacle(platform, progress):
        return reason
    memory = suspended(machine)
    try:
        memory.save(machine, platform, record.image_sha256)
    except BaseException:  # Ctrl-C, too
        if not memory.exists:  # else it is saved, and must not run beside that
            resume.go_on(machine, record.accelerator, progress)
        raise
    machine.kill()
    progress(f"suspended: {memory.folder} has its memory, secrets included ({heartbeat.elapsed:.0f} s)")
    return None


def _shut_down(machine: SandboxHost, progress: Progress) -> None:
    progress("shutting down")
    try:
        qmp.execute(machine.qmp_socket, "system_powerdown")
    except OSError as error:
        progress(f"no answer from its QEMU ({error}): ending it")
        machine.kill()
    if not machine.wait_for_exit(SHUTDOWN_LIMIT):
        progress(f"still up after {SHUTDOWN_LIMIT:.0f} s: ending it")
        machine.kill()


def _check_same(machine: SandboxHost, record: HostRecord, spec: SandboxSpec, progress: Progress) -> None:
    if record.spec != spec:
        _check_same_disk(machine, record, spec)
        progress(
            "already runs, with other hardware: to change that, ./lab sandbox stop --shutdown "
            f"{machine.name}, and ./lab up"
        )


def _check_same_disk(machine: SandboxHost, record: HostRecord, spec: SandboxSpec) -> None:
    had, wanted = (f"Debian {s.debian}, {s.image}, {s.disk} GiB" for s in (record.spec, spec))
    if had != wanted:
        raise LabError(
            f"sandbox host {machine.name} was made as {had}; the inventory now says {wanted}",
            next_step=f"remove it and all that is on it: ./lab sandbox rm {machine.name}",
        )


def _kept_image(machine: SandboxHost, spec: SandboxSpec, progress: Progress) -> Path | None:
    """The image under the machine's disk; None if there is no disk to go on with, and why is said."""
    record = machine.record
    if record is None or not machine.disk.exists():
        return None
    _check_same_disk(machine, record, spec)
    if broken := broken_image(record):
        progress(f"its image {broken} is gone or damaged: starting from a new disk")
        return None
    return record.image


def available_memory() -> int:
    """MiB that new processes of this machine can have."""
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
