"""Start, stop and remove sandbox hosts."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from minetlab.errors import LabError
from minetlab.images import build_disk
from minetlab.images.cache import checksum_file, is_intact, require_free_space
from minetlab.images.process import run, tail
from minetlab.images.progress import Heartbeat, Progress
from minetlab.images.toolbox import Toolbox, ensure_toolbox
from minetlab.sandbox import qmp
from minetlab.sandbox.accelerator import choose_accelerator
from minetlab.sandbox.identity import ensure_identity
from minetlab.sandbox.images import sandbox_recipe
from minetlab.sandbox.machine import Connection, Machine, Record, sandbox_dir
from minetlab.sandbox.qemu import PID_FILE, QMP_SOCKET, qemu_arguments
from minetlab.sandbox.spec import SandboxSpec

BOOT_LIMIT = 60.0
"""Seconds until SSH answers, times the accelerator's slowness; 5 and 20 s are usual for kvm and tcg."""
SHUTDOWN_LIMIT = 60.0
DISK_RESERVE_GIB = 4.0
"""What a host may write to its disk in a session: packages, images, guests' overlays."""
QEMU_OVERHEAD_MIB = 200


def start(name: str, spec: SandboxSpec, progress: Progress) -> Connection:
    """Boot the sandbox host ``name`` unless it runs, and wait until SSH answers.

    :param progress: told each step; takes one line.
    :raises LabError: there is no room for it, or it does not come up; what was started is ended.
    """
    machine = Machine(name)
    with machine.locked(progress):
        if machine.pid is None:
            _boot(machine, spec, progress)
        else:
            _check_same(machine, spec, progress)
        return _wait_for_ssh(machine, progress)


def stop(name: str, progress: Progress) -> None:
    """Shut the host down as its power button does, or by force if it does not heed that; its disk stays.

    :raises LabError: another run holds it.
    """
    machine = Machine(name)
    with machine.locked(progress):
        if machine.pid is None:
            return
        progress("shutting down")
        try:
            qmp.execute(machine.qmp_socket, "system_powerdown")
        except OSError as error:
            progress(f"no answer from its QEMU ({error}): ending it")
            machine.kill()
        if not machine.wait_for_exit(SHUTDOWN_LIMIT):
            progress(f"still up after {SHUTDOWN_LIMIT:.0f} s: ending it")
            machine.kill()


def remove(name: str, progress: Progress) -> None:
    """End the host at once and delete all that is kept of it.

    :raises LabError: another run holds it.
    """
    machine = Machine(name)
    with machine.locked(progress):
        machine.kill()
        if machine.folder.exists():
            shutil.rmtree(machine.folder)
            progress("removed")


def _check_same(machine: Machine, spec: SandboxSpec, progress: Progress) -> None:
    if (record := machine.record) and record.spec != spec:
        _check_same_disk(machine, record, spec)
        progress(
            f"already runs, with other hardware: stop it (./lab sandbox stop {machine.name}) to change that"
        )


def _check_same_disk(machine: Machine, record: Record, spec: SandboxSpec) -> None:
    had, wanted = (f"Debian {s.debian}, {s.image}, {s.disk} GiB" for s in (record.spec, spec))
    if had != wanted:
        raise LabError(
            f"sandbox host {machine.name} was made as {had}; the inventory now says {wanted}",
            next_step=f"remove it and all that is on it: ./lab sandbox rm {machine.name}",
        )


def _boot(machine: Machine, spec: SandboxSpec, progress: Progress) -> None:
    machine.folder.mkdir(exist_ok=True, mode=0o700)
    _require_free_memory(machine, spec)
    toolbox = ensure_toolbox(progress)
    image = _ensure_disk(machine, spec, toolbox, progress)
    require_free_space(machine.folder, DISK_RESERVE_GIB, f"sandbox host {machine.name}")
    accelerator = choose_accelerator(toolbox, image, sandbox_dir() / "accelerator.json", progress)
    machine.record = Record(
        spec=spec, image=image, image_sha256=_recorded_sha256(image), accelerator=accelerator
    )
    progress(f"booting with accelerator {accelerator.name}: {accelerator.reason}")
    for leftover in (PID_FILE, QMP_SOCKET):
        (machine.folder / leftover).unlink(missing_ok=True)
    credentials = ensure_identity(machine.folder, machine.name)
    arguments = qemu_arguments(machine.name, spec, accelerator, machine.folder, credentials)
    qemu = subprocess.run(
        toolbox.qemu(arguments),
        env={**os.environ, **toolbox.env},
        cwd=machine.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    if qemu.returncode:
        raise LabError(
            f"sandbox host {machine.name}: QEMU did not start: {qemu.stderr.strip()}",
            next_step=f"if its disk is at fault, start from a new one: ./lab sandbox rm {machine.name}",
        )


def _ensure_disk(machine: Machine, spec: SandboxSpec, toolbox: Toolbox, progress: Progress) -> Path:
    """Return the image under the machine's disk; make that disk if there is none to go on with."""
    if machine.disk.exists() and (record := machine.record):
        _check_same_disk(machine, record, spec)
        if is_intact(record.image) and _recorded_sha256(record.image) == record.image_sha256:
            return record.image
        progress(f"its image {record.image.name} is gone or corrupt: starting from a new disk")
    machine.disk.unlink(missing_ok=True)
    recipe = sandbox_recipe(spec.debian, spec.image, spec.disk)
    image = build_disk(recipe, progress)
    backing = ["-b", str(image), "-F", "qcow2"]
    create = toolbox.command("qemu-img", "create", "-q", "-f", "qcow2", *backing, str(machine.disk))
    run(create, env=toolbox.env)
    return image


def _recorded_sha256(image: Path) -> str:
    return checksum_file(image).read_text().split(" ")[0]


def available_memory() -> int:
    """MiB that new processes of this machine can have."""
    fields = (line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    return next(int(value.split()[0]) for key, value in fields if key == "MemAvailable") // 1024


def _require_free_memory(machine: Machine, spec: SandboxSpec) -> None:
    available = available_memory()
    needed = spec.memory + QEMU_OVERHEAD_MIB
    if available < needed:
        raise LabError(
            f"sandbox host {machine.name} needs {needed} MiB of memory, {available} MiB are available",
            next_step="end other programs, or lower sandbox_memory in the host's data",
        )


def _wait_for_ssh(machine: Machine, progress: Progress) -> Connection:
    slowness = machine.record.accelerator.slowness if machine.record else 1
    limit = BOOT_LIMIT * slowness
    heartbeat = Heartbeat("waiting for SSH", progress)
    while heartbeat.elapsed < limit:
        if machine.pid is None:
            raise _failure(machine, "died while booting")
        if machine.console.exists() and b"Kernel panic" in machine.console.read_bytes():
            machine.kill()
            raise _failure(machine, "panicked")
        connection = machine.connection()
        # Whoever knocks too early waits in vain; the slower the machine, the later its greeting.
        if _ssh_answers(connection, limit=1 + heartbeat.elapsed / 20):
            progress(f"SSH answers on port {connection.port} ({heartbeat.elapsed:.0f} s)")
            return connection
        heartbeat.beat(f", {limit:.0f} s at most")
        time.sleep(0.3)
    machine.kill()
    raise _failure(machine, f"did not answer SSH within {limit:.0f} s")


def _failure(machine: Machine, what: str) -> LabError:
    console = tail(machine.console) if machine.console.exists() else ""
    end = f"; the end of its console:\n{console}" if console else "; its console is empty"
    return LabError(
        f"sandbox host {machine.name} {what}{end}",
        next_step=f"read {machine.console}; to start from a new disk: ./lab sandbox rm {machine.name}",
    )


def _ssh_answers(connection: Connection, limit: float) -> bool:
    # QEMU accepts connections from the start: only the server's greeting tells that the machine is up.
    try:
        with socket.create_connection((connection.hostname, connection.port), timeout=limit) as client:
            return client.recv(4) == b"SSH-"
    except OSError:
        return False
