"""Booted images: the state of a sandbox host right after its first boot, kept in the image cache.

A new host is an overlay on the disk of a booted image, and is resumed from its memory instead of booting.
"""

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from minetlab.images.cache import is_intact, locked, record_checksum, recorded_sha256
from minetlab.sandbox import resume
from minetlab.sandbox.disk import make_overlay
from minetlab.sandbox.in_use import in_use
from minetlab.sandbox.launch import launch, wait_for_ssh
from minetlab.sandbox.machine import SandboxHost
from minetlab.sandbox.platform import Platform
from minetlab.sandbox.qemu import DISK
from minetlab.sandbox.saved import SavedMemory
from minetlab.util.errors import LabError
from minetlab.util.files import scratch_folder, scratch_of
from minetlab.util.paths import cache_dir
from minetlab.util.process import at_the_latest_on_exit
from minetlab.util.progress import Heartbeat, Progress

TEMPLATE = "template"
"""The name of the host that boots to become a booted image; hosts made from it get their own names."""


@dataclass(frozen=True)
class BootedImage:
    """The disk and memory of a host right after its first boot.

    :param folder: its folder in the image cache.
    """

    folder: Path

    @property
    def disk(self) -> Path:
        """The disk, an overlay on the image that was booted."""
        return self.folder / DISK

    @property
    def memory(self) -> SavedMemory:
        """The saved memory."""
        return SavedMemory(self.folder / "memory")

    def obstacle(self, platform: Platform) -> str | None:
        """Say why no host can be made from this on ``platform``, or return None; reads disk and memory."""
        if not is_intact(self.disk):
            return "its disk is damaged: the checksum does not match"
        return self.memory.obstacle(platform, recorded_sha256(platform.image))


def ensure_booted(platform: Platform, progress: Progress) -> BootedImage:
    """Return the booted image for hosts of this kind; it is made first unless the cache has it intact.

    :param platform: the kind of host.
    :param progress: told each step.
    :return: the booted image in the cache.
    :raises LabError: the host does not come up, or its state cannot be saved.
    :raises OSError: the cached one is damaged, and must not be replaced because hosts or checkpoints use
        its disk.
    """
    booted = BootedImage(_folder(platform))
    label = f"booted image {booted.folder.name}"
    with locked(booted.folder.with_name(f".{booted.folder.name}.lock"), label, progress):
        if booted.folder.exists():
            if not (obstacle := booted.obstacle(platform)):
                os.utime(booted.folder)  # pruning removes the least recently used first
                return booted
            if is_intact(booted.disk) and booted.folder in in_use():
                raise OSError(f"{label}: {obstacle}; it is kept, as hosts or checkpoints use its disk")
            progress(f"{label} is not used: {obstacle}; making it again")
            shutil.rmtree(booted.folder)
        _make(booted, platform, progress)
    return booted


def _folder(platform: Platform) -> Path:
    made_of = f"{platform.hardware.model_dump_json()}\n{platform.groups}\n{resume.PREPARE}"
    digest = hashlib.sha256(made_of.encode()).hexdigest()[:12]
    folder = cache_dir() / "booted"
    folder.mkdir(exist_ok=True, mode=0o700)
    return folder / f"{platform.image.stem}-{digest}"


def _make(booted: BootedImage, platform: Platform, progress: Progress) -> None:
    template = SandboxHost(TEMPLATE, scratch_of(booted.folder))
    template.kill()  # a killed run may have left it running
    with scratch_folder(booted.folder) as scratch, at_the_latest_on_exit(template.kill):
        new = BootedImage(scratch / "state")
        new.folder.mkdir()
        make_overlay(platform.toolbox, template.disk, platform.image)
        _boot(template, platform, progress)
        heartbeat = Heartbeat("saving the booted state for future hosts", progress)
        _prepare(template, platform)
        new.memory.save(template, platform, recorded_sha256(platform.image))
        template.kill()
        template.disk.rename(new.disk)
        record_checksum(new.disk, new.disk)
        new.folder.rename(booted.folder)
        progress(f"saved the booted state for future hosts ({heartbeat.elapsed:.0f} s)")


def _boot(template: SandboxHost, platform: Platform, progress: Progress) -> None:
    accelerator = platform.accelerator
    progress(f"booting with accelerator {accelerator.name}: {accelerator.reason}")
    try:
        launch(template, platform)
        wait_for_ssh(template, accelerator, progress)
    except LabError as error:
        # The error's own next step does not apply: the template's folder is gone by then.
        raise LabError(
            f"the first boot of a host of this kind failed: {error.problem}",
            next_step="run the same command again",
        ) from error


def _prepare(template: SandboxHost, platform: Platform) -> None:
    try:
        resume.prepare(template, platform.groups, platform.accelerator)
    except OSError as error:
        raise LabError(
            f"a sandbox host that has just booted cannot be saved: {error}",
            next_step="run the same command again; if that fails, see docs/howto/sandbox.md",
        ) from error
