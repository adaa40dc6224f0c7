"""The guest image: what it is called on a KVM host, and its file here."""

from pathlib import Path

from minetlab.errors import LabError
from minetlab.images import FetchedImage, Progress, build_disk, fetch
from minetlab.images.cache import checksum_file
from minetlab.images.guest import guest_recipe
from minetlab.model import DebianImage, GuestImage, UrlImage

QCOW2_MAGIC = b"QFI\xfb"


def volume(image: GuestImage) -> str:
    """The name of the base image's volume, which is that of its content; nothing is built or fetched."""
    return f"base-{_digest(image)[:12]}.qcow2"


def file(image: GuestImage, progress: Progress) -> tuple[Path, str]:
    """The image's qcow2 file here, built or fetched first unless the cache has it, and its SHA-256.

    :raises LabError: it can be neither built nor fetched, or is no qcow2 image.
    """
    if isinstance(image, DebianImage):
        path = build_disk(guest_recipe(image.debian), progress)
    else:
        path = fetch(_fetched(image), progress)
        _require_qcow2(path, image.url)
    return path, checksum_file(path).read_text().split(" ")[0]


def _digest(image: GuestImage) -> str:
    if isinstance(image, DebianImage):
        return guest_recipe(image.debian).digest
    return _fetched(image).checksum


def _fetched(image: UrlImage) -> FetchedImage:
    return FetchedImage(url=image.url, sha256=image.sha256, sha512=image.sha512)


def _require_qcow2(path: Path, url: str) -> None:
    with path.open("rb") as content:
        if content.read(len(QCOW2_MAGIC)) != QCOW2_MAGIC:
            raise LabError(
                f"{url} is no qcow2 image",
                next_step="set guest_image in inventories/group_data/kvm_hosts.py to a .qcow2 cloud image",
            )
