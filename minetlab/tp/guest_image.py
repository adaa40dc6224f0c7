"""The guest image: what it is called on a KVM host, and its file here."""

from pathlib import Path

from minetlab.images import FetchedImage, Progress, build_disk, fetch
from minetlab.images.cache import checksum_file
from minetlab.lab import DebianImage, GuestImage, UrlImage
from minetlab.tp import guest_tps
from minetlab.util.errors import LabError

QCOW2_MAGIC = b"QFI\xfb"


def volume(image: GuestImage, tps: tuple[str, ...]) -> str:
    """The name of the base image's volume, which is that of its content; nothing is built or fetched.

    :param tps: the TPs that are in it.
    :raises LabError: one of these is not there, or wrong.
    """
    return f"base-{_digest(image, tps)[:12]}.qcow2"


def file(image: GuestImage, tps: tuple[str, ...], progress: Progress) -> tuple[Path, str]:
    """The image's qcow2 file here, built or fetched first unless the cache has it, and its SHA-256.

    :param tps: the TPs that are in it.
    :raises LabError: it can be neither built nor fetched, or is no qcow2 image.
    """
    if isinstance(image, DebianImage):
        path = build_disk(guest_tps.recipe(image.debian, tps), progress)
    else:
        path = fetch(fetched(image), progress)
        _require_qcow2(path, image.url)
    return path, checksum_file(path).read_text().split(" ")[0]


def _digest(image: GuestImage, tps: tuple[str, ...]) -> str:
    if isinstance(image, DebianImage):
        return guest_tps.recipe(image.debian, tps).digest
    return fetched(image).checksum


def fetched(image: UrlImage) -> FetchedImage:
    """The image as it is fetched here, and checked."""
    return FetchedImage(url=image.url, sha256=image.sha256, sha512=image.sha512)


def _require_qcow2(path: Path, url: str) -> None:
    with path.open("rb") as content:
        if content.read(len(QCOW2_MAGIC)) != QCOW2_MAGIC:
            raise LabError(
                f"{url} is no qcow2 image",
                next_step="set guest_image in inventories/group_data/kvm_hosts.py to a .qcow2 cloud image",
            )
