"""The disks of sandbox hosts: overlays on images of the cache."""

import os
from pathlib import Path

from minetlab.images.cache import is_intact, recorded_sha256
from minetlab.images.toolbox import Toolbox
from minetlab.sandbox.machine import HostRecord
from minetlab.util.process import run


def make_overlay(toolbox: Toolbox, disk: Path, backing: Path) -> None:
    """Make a qcow2 overlay: a disk that has the content of another one until it is written to.

    :param toolbox: has the qemu-img to use.
    :param disk: the file to make, with mode 0600.
    :param backing: the disk below it.
    :raises LabError: qemu-img fails.
    """
    # A path relative to the new disk stays right when the cache is moved as a whole, as in CI.
    base = ["-b", os.path.relpath(backing, disk.parent), "-F", "qcow2"]
    run(toolbox.command("qemu-img", "create", "-q", "-f", "qcow2", *base, str(disk)), env=toolbox.env)
    disk.chmod(0o600)


def broken_image(record: HostRecord) -> Path | None:
    """Return an image under a host's disk that has changed since the disk was made, or None."""
    for file, checksum in ((record.image, record.image_sha256), (record.booted, record.booted_sha256)):
        if file and checksum and (not is_intact(file) or recorded_sha256(file) != checksum):
            return file
    return None
