"""The memory of a sandbox host in a folder, and what has to be the same for the host to go on from it.

The memory is QEMU's migration stream. It holds every secret that the host held. Why it is not compressed:
docs/decisions/hosts-resume.md.
"""

import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from minetlab.images.cache import require_free_space
from minetlab.images.toolbox import Toolbox
from minetlab.sandbox import qmp
from minetlab.sandbox.machine import SandboxHost
from minetlab.sandbox.pause import pause
from minetlab.sandbox.platform import Platform, SandboxHardware
from minetlab.util.errors import LabError
from minetlab.util.process import run

MEMORY = "memory"
MANIFEST = "state.json"
LIMIT = 600.0
"""Seconds that saving or loading a host's memory may take; one of a few GiB takes as many seconds."""


class MemoryManifest(BaseModel):
    """What a saved memory belongs to.

    :param disk: size in bytes, and time of the last change in nanoseconds, of the host's disk.
    :param image_sha256: checksum of the image under that disk.
    :param memory_xxh128: checksum of the memory.
    """

    model_config = ConfigDict(frozen=True)

    hardware: SandboxHardware
    disk: tuple[int, int]
    image_sha256: str
    memory_xxh128: str
    saved: datetime


@dataclass(frozen=True)
class SavedMemory:
    """A folder with a host's memory; it is there whole, or not at all.

    :param folder: it is made when a memory is saved.
    """

    folder: Path

    @property
    def exists(self) -> bool:
        """Whether there is one, usable or not."""
        return self.folder.exists()

    @property
    def manifest(self) -> MemoryManifest | None:
        """What the memory belongs to; None if that cannot be read."""
        try:
            return MemoryManifest.model_validate_json((self.folder / MANIFEST).read_bytes())
        except (OSError, ValueError):
            return None

    def save(self, machine: SandboxHost, platform: Platform, image_sha256: str) -> None:
        """Stop a running machine and save its memory; it stays stopped, also where that fails.

        :param image_sha256: checksum of the image under its disk.
        :raises LabError: there is no room for it, or QEMU fails; an older memory in the folder stays then.
        """
        what = f"the saved memory of {machine.name}"
        partial = self._partial
        self.sweep()
        partial.mkdir(mode=0o700, parents=True)
        try:
            require_free_space(partial, machine.resident_gib, what)
            pause(machine, platform.accelerator)
            memory = partial / MEMORY
            os.close(os.open(memory, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            qmp.migrate(machine.qmp_socket, f"file:{memory}", LIMIT)
            record = machine.record
            manifest = MemoryManifest(
                # Its QEMU is as old as its last boot: the project's may be another one by now.
                hardware=(record and record.hardware) or platform.hardware,
                disk=stamp(machine.disk),
                image_sha256=image_sha256,
                memory_xxh128=checksum(memory, platform.toolbox),
                saved=datetime.now(UTC),
            )
            (partial / MANIFEST).write_text(manifest.model_dump_json(indent=2))
            self.remove()
            partial.rename(self.folder)
        except OSError as error:
            raise LabError(
                f"cannot save the memory of sandbox host {machine.name}: {error}",
                next_step="it goes on; to shut it down instead: ./lab sandbox stop --shutdown",
            ) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def obstacle(self, platform: Platform, image_sha256: str, disk: Path | None = None) -> str | None:
        """What stands against going on from it, in words, or None; reads all of it.

        :param image_sha256: checksum of the image under the host's disk.
        :param disk: the host's disk, which must not have been written to since; None: that is known.
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
        memory = self.folder / MEMORY
        if not memory.exists() or checksum(memory, platform.toolbox) != manifest.memory_xxh128:
            return "its memory is damaged: the checksum does not match"
        return None

    @property
    def size(self) -> int:
        """The room that it takes, in bytes."""
        memory = self.folder / MEMORY
        return memory.stat().st_size if memory.exists() else 0

    def load(self, machine: SandboxHost) -> None:
        """Give the memory to a machine that was launched to take it; it stays stopped.

        :raises RefusedError: QEMU refuses it.
        :raises OSError: QEMU ends, or takes too long: the memory may be good.
        """
        qmp.migrate_incoming(machine.qmp_socket, f"file:{self.folder / MEMORY}", LIMIT)

    def remove(self) -> None:
        """Forget it, at once and whole: a folder that is half removed is not taken for a memory."""
        shutil.rmtree(self._gone, ignore_errors=True)
        if self.folder.exists():
            self.folder.rename(self._gone)
            shutil.rmtree(self._gone, ignore_errors=True)

    def sweep(self) -> None:
        """Delete what a run that was killed has left of a memory that it was saving or removing."""
        for leftover in (self._partial, self._gone):
            shutil.rmtree(leftover, ignore_errors=True)

    @property
    def _partial(self) -> Path:
        return self.folder.with_name(f".{self.folder.name}.partial")

    @property
    def _gone(self) -> Path:
        return self.folder.with_name(f".{self.folder.name}.gone")


def suspended(machine: SandboxHost) -> SavedMemory:
    """The memory with which a suspended host goes on."""
    return SavedMemory(machine.folder / "suspended")


def checksum(file: Path, toolbox: Toolbox) -> str:
    """The XXH128 of a file, in hexadecimal: it finds damage, ten times as fast as SHA-256.

    :raises LabError: the file cannot be read.
    """
    return run(toolbox.command("xxhsum", "-q", "-H128", str(file)), env=toolbox.env).split(" ")[0]


def stamp(disk: Path) -> tuple[int, int]:
    """What tells if a disk has been written to: its size in bytes and the time of its last change."""
    status = disk.stat()
    return status.st_size, status.st_mtime_ns
