"""Booted images: the state of a sandbox host right after its first boot, kept in the image cache.

A new host is an overlay on a booted image's disk, and goes on from its memory: it need not boot.
"""

import hashlib
import os
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from minetlab.images.cache import checksum_file, is_intact, locked, sha256
from minetlab.sandbox import resume
from minetlab.sandbox.disk import make_overlay, recorded_sha256
from minetlab.sandbox.in_use import in_use
from minetlab.sandbox.launch import launch, wait_for_ssh
from minetlab.sandbox.machine import SandboxHost
from minetlab.sandbox.platform import Platform
from minetlab.sandbox.qemu import DISK
from minetlab.sandbox.saved import SavedMemory
from minetlab.util.errors import LabError
from minetlab.util.paths import cache_dir
from minetlab.util.process import at_the_latest_on_exit
from minetlab.util.progress import Heartbeat, Progress

TEMPLATE = "template"
"""The name of the host that boots to become a booted image; no other host keeps it."""


@dataclass(frozen=True)
class BootedImage:
    """A host's disk and memory right after its first boot.

    :param folder: in the cache.
    """

    folder: Path

    @property
    def disk(self) -> Path:
        """Its disk, an overlay on the image that it was booted from."""
        return self.folder / DISK

    @property
    def memory(self) -> SavedMemory:
        """Its memory."""
        return SavedMemory(self.folder / "memory")

    def obstacle(self, platform: Platform) -> str | None:
        """What stands against making hosts of it, in words, or None; reads all of it."""
        if not is_intact(self.disk):
            return "its disk is damaged: the checksum does not match"
        return self.memory.obstacle(platform, recorded_sha256(platform.image))


def ensure_booted(platform: Platform, progress: Progress) -> BootedImage:
    """Return the booted image of this kind of host, booted first unless the cache has it intact.

    :raises LabError: a host does not come up, or its state cannot be saved.
    :raises OSError: the cache has it damaged, and cannot make it again as hosts stand on its disk.
    """
    booted = BootedImage(_folder(platform))
    what = f"booted image {booted.folder.name}"
    with locked(booted.folder.with_name(f".{booted.folder.name}.lock"), what, progress):
        if booted.folder.exists():
            if not (obstacle := booted.obstacle(platform)):
                os.utime(booted.folder)  # what was not used for longest is removed first
                return booted
            if is_intact(booted.disk) and booted.folder in in_use():
                raise OSError(f"{what}: {obstacle}; it stays, as hosts or checkpoints stand on its disk")
            progress(f"{what} is not used: {obstacle}; it is made again")
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
    accelerator = platform.accelerator
    scratch = booted.folder.with_name(f".{booted.folder.name}.partial")
    template = SandboxHost(TEMPLATE, scratch)
    template.kill()  # that of a run that was killed
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(mode=0o700)
    with at_the_latest_on_exit(partial(_discard, template)):
        made = BootedImage(scratch / "state")
        made.folder.mkdir()
        make_overlay(platform.toolbox, template.disk, platform.image)
        progress(f"booting with accelerator {accelerator.name}: {accelerator.reason}")
        try:
            launch(template, platform)
            wait_for_ssh(template, accelerator, progress)
        except LabError as error:
            # Its folder is removed, and there is no host that could be.
            raise LabError(
                f"the first boot of a host of this kind: {error.problem}",
                next_step="run the same command again",
            ) from error
        heartbeat = Heartbeat("saving what has booted, for every host to come", progress)
        try:
            resume.prepare(template, platform.groups, accelerator)
        except OSError as error:
            raise LabError(
                f"a sandbox host that has just booted cannot be saved: {error}",
                next_step="run the same command again; if that fails, see docs/howto/sandbox.md",
            ) from error
        made.memory.save(template, platform, recorded_sha256(platform.image))
        template.kill()
        template.disk.rename(made.disk)
        checksum_file(made.disk).write_text(f"{sha256(made.disk)}  {DISK}\n")
        made.folder.rename(booted.folder)
        progress(f"saved what has booted, for every host to come ({heartbeat.elapsed:.0f} s)")


def _discard(template: SandboxHost) -> None:
    template.kill()
    shutil.rmtree(template.folder, ignore_errors=True)
