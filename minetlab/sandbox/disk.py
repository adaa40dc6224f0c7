"""The disks of sandbox hosts: overlays on images of the cache."""

import os
from pathlib import Path

from minetlab.images.cache import checksum_file, is_intact
from minetlab.images.toolbox import Toolbox
from minetlab.sandbox.machine import HostRecord
from minetlab.util.process import run


def make_overlay(toolbox: Toolbox, disk: Path, backing: Path) -> None:
    """Make a disk that is what another one is, until it is written to.

    :raises LabError: qemu-img fails.
    """
    # Relative to the new disk: a cache that was moved as a whole, as CI does it, still fits together.
    base = ["-b", os.path.relpath(backing, disk.parent), "-F", "qcow2"]
    run(toolbox.command("qemu-img", "create", "-q", "-f", "qcow2", *base, str(disk)), env=toolbox.env)
    disk.chmod(0o600)


def broken_image(record: HostRecord) -> Path | None:
    """The first of the images under a host's disk that is not what it was when the disk was made, if any."""
    below = {record.image: record.image_sha256}
    if record.booted and record.booted_sha256:
        below[record.booted] = record.booted_sha256
    wrong = (file for file, known in below.items() if not is_intact(file) or recorded_sha256(file) != known)
    return next(wrong, None)


def recorded_sha256(file: Path) -> str:
    """The checksum that the cache has of one of its files."""
    return checksum_file(file).read_text().split(" ")[0]
