"""The saved memory of a sandbox host, and what must be unchanged for the host to be resumed from it.

The memory is QEMU's migration stream, and holds every secret that the host held. Measurements in
docs/decisions/hosts-resume.md are the reason why it is not compressed.
"""

import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel

from minetlab.images.cache import require_free_space
from minetlab.images.toolbox import Toolbox
from minetlab.sandbox import qmp
from minetlab.sandbox.machine import SandboxHost
from minetlab.sandbox.pause import pause
from minetlab.sandbox.platform import Platform, SandboxHardware
from minetlab.util.errors import LabError
from minetlab.util.files import scratch_folder, scratch_of
from minetlab.util.process import run

MEMORY_FILE = "memory"
STATE_MANIFEST = "state.json"
SAVE_LIMIT = 600.0
"""Seconds that saving or loading a host's memory may take; about one per GiB is usual."""


class MemoryManifest(BaseModel, frozen=True):
    """The description of a saved memory, and of the disk that belongs to it.

    :param hardware: what the host was booted on.
    :param disk: size in bytes and time of the last change in nanoseconds of the host's disk.
    :param image_sha256: the checksum of the image under that disk.
    :param memory_xxh128: the checksum of the memory.
    :param saved: when it was saved.
    """

    hardware: SandboxHardware
    disk: tuple[int, int]
    image_sha256: str
    memory_xxh128: str
    saved: datetime


@dataclass(frozen=True)
class SavedMemory:
    """A host's saved memory in a folder, which is complete if it exists.

    :param folder: the folder; it is made when a memory is saved.
    """

    folder: Path

    @property
    def exists(self) -> bool:
        """Whether there is a saved memory, usable or not."""
        return self.folder.exists()

    @property
    def manifest(self) -> MemoryManifest | None:
        """The manifest of the memory; None if it cannot be read."""
        try:
            return MemoryManifest.model_validate_json((self.folder / STATE_MANIFEST).read_bytes())
        except (OSError, ValueError):
            return None

    def save(self, machine: SandboxHost, platform: Platform, image_sha256: str) -> None:
        """Stop a running machine and save its memory; the machine stays stopped, even on failure.

        :param machine: the host.
        :param platform: what the host runs on.
        :param image_sha256: the checksum of the image under its disk.
        :raises LabError: there is no room, the machine cannot be stopped, or QEMU fails; an older memory in
            the folder is kept then.
        """
        self.sweep()
        with scratch_folder(self.folder) as partial:
            try:
                require_free_space(partial, machine.resident_gib, f"the saved memory of {machine.name}")
                pause(machine, platform.accelerator)
                memory = partial / MEMORY_FILE
                os.close(os.open(memory, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
                qmp.migrate(machine.qmp_socket, memory, SAVE_LIMIT)
                record = machine.record
                manifest = MemoryManifest(
                    # The running QEMU is that of the last boot; the toolbox may have a newer one by now.
                    hardware=(record and record.hardware) or platform.hardware,
                    disk=stamp(machine.disk),
                    image_sha256=image_sha256,
                    memory_xxh128=checksum(memory, platform.toolbox),
                    saved=datetime.now(UTC),
                )
                (partial / STATE_MANIFEST).write_text(manifest.model_dump_json(indent=2))
                self.remove()
                partial.rename(self.folder)
            except OSError as error:
                raise LabError(
                    f"cannot save the memory of sandbox host {machine.name}: {error}",
                    next_step="it runs on; to shut it down instead: ./lab sandbox stop --shutdown",
                ) from error

    def obstacle(self, platform: Platform, image_sha256: str, disk: Path | None = None) -> str | None:
        """Say why a host cannot be resumed from this memory; reads all of it to verify its checksum.

        :param platform: what the host would run on.
        :param image_sha256: the checksum of the image under the host's disk.
        :param disk: the host's disk, which must be unchanged since; None: do not check the disk.
        :return: the reason in words; None if there is none.
        """
        manifest = self.manifest
        if manifest is None:
            return "it is not whole"
        if difference := manifest.hardware.difference(platform.hardware):
            return difference
        if manifest.image_sha256 != image_sha256:
            return "the image under its disk is another one now"
        if disk and stamp(disk) != manifest.disk:
            return "its disk was written to since"
        memory = self.folder / MEMORY_FILE
        if not memory.exists() or checksum(memory, platform.toolbox) != manifest.memory_xxh128:
            return "its memory is damaged: the checksum does not match"
        return None

    @property
    def size(self) -> int:
        """The size of the memory file in bytes; 0 if there is none."""
        memory = self.folder / MEMORY_FILE
        return memory.stat().st_size if memory.exists() else 0

    def load(self, machine: SandboxHost) -> None:
        """Load the memory into a machine that was launched to wait for it; the machine stays stopped.

        :param machine: the host.
        :raises RefusedError: QEMU refuses the memory.
        :raises OSError: QEMU ends or takes too long, so that the memory may still be good.
        """
        qmp.migrate_incoming(machine.qmp_socket, self.folder / MEMORY_FILE, SAVE_LIMIT)

    def remove(self) -> None:
        """Delete the memory; it is renamed first, so that a half-deleted one is never used."""
        shutil.rmtree(self._removed, ignore_errors=True)
        if self.folder.exists():
            self.folder.rename(self._removed)
            shutil.rmtree(self._removed, ignore_errors=True)

    def sweep(self) -> None:
        """Delete what killed runs have left of a memory that they were saving or removing."""
        for leftover in (scratch_of(self.folder), self._removed):
            shutil.rmtree(leftover, ignore_errors=True)

    @property
    def _removed(self) -> Path:
        return self.folder.with_name(f".{self.folder.name}.gone")


def suspended(machine: SandboxHost) -> SavedMemory:
    """Return the saved memory of a suspended host, whether it exists or not."""
    return SavedMemory(machine.folder / "suspended")


def checksum(file: Path, toolbox: Toolbox) -> str:
    """Compute the XXH128 of a file, which finds damage and is ten times as fast as SHA-256.

    :param file: the file to read.
    :param toolbox: has the program xxhsum.
    :return: the checksum in hexadecimal.
    :raises LabError: the file cannot be read.
    """
    return run(toolbox.command("xxhsum", "-q", "-H128", str(file)), env=toolbox.env).split(" ")[0]


def stamp(disk: Path) -> tuple[int, int]:
    """Return a disk's size in bytes and time of last change in nanoseconds, to see if it was written to."""
    status = disk.stat()
    return status.st_size, status.st_mtime_ns
