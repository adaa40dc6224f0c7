"""The guest image: its name on a KVM host, and its file on this machine."""

from pathlib import Path

from minetlab.images import Progress, build_disk, fetch
from minetlab.images.editions import content_digest
from minetlab.images.inspection import require_plain
from minetlab.images.toolbox import ensure_toolbox
from minetlab.lab import DebianImage, GuestImage
from minetlab.tp import guest_tps


def volume(image: GuestImage, tps: tuple[str, ...]) -> str:
    """Return the name of the base image's volume on a KVM host, without building or fetching the image.

    :param image: the guest image of the host's settings.
    :param tps: the names of the TPs that are in the image.
    :return: a name that has a hash of the content.
    :raises LabError: a TP does not exist, or its definition is wrong.
    """
    return f"base-{_digest(image, tps)[:12]}.qcow2"


def file(image: GuestImage, tps: tuple[str, ...], disk_gib: int, progress: Progress) -> Path:
    """Return the image's qcow2 file; it is built or fetched first unless the cache has it intact.

    :param image: the guest image of the host's settings.
    :param tps: the names of the TPs that are in the image.
    :param disk_gib: the size of the guests' disks, which an image that is fetched must not exceed.
    :param progress: told each step of building or fetching it.
    :return: the file in the cache.
    :raises LabError: the image cannot be built or fetched, or is none that guests' disks can lie upon.
    """
    if isinstance(image, DebianImage):
        return build_disk(guest_tps.recipe(image.debian, tps), progress)
    path = fetch(image, disk_gib, progress)
    require_plain(path, image.url, disk_gib, ensure_toolbox(progress))
    return path


def _digest(image: GuestImage, tps: tuple[str, ...]) -> str:
    if isinstance(image, DebianImage):
        return content_digest(guest_tps.recipe(image.debian, tps))
    return image.checksum
