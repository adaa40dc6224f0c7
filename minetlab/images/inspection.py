"""Look into a disk image that others have made, before anything opens it as a disk."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from minetlab.images.toolbox import Toolbox
from minetlab.util.errors import LabError
from minetlab.util.names import named
from minetlab.util.process import run

INSPECTION_LIMIT = 30
"""Seconds that qemu-img may take; it reads only the header and a few tables."""
INSPECTION_MEMORY = 2**31
"""Bytes of address space that qemu-img may take: the sizes of tables come from the image."""


class _Details(BaseModel):
    """The part of ``format-specific`` in the answer of ``qemu-img info`` that is of a qcow2 image."""

    data_file: str | None = Field(default=None, alias="data-file")
    corrupt: bool = False


class _FormatSpecific(BaseModel):
    data: _Details = _Details()


class _Info(BaseModel):
    """The answer of ``qemu-img info --output=json``."""

    virtual_size: int = Field(alias="virtual-size")
    backing_file: str | None = Field(default=None, alias="backing-filename")
    encrypted: bool = False
    specific: _FormatSpecific = Field(default=_FormatSpecific(), alias="format-specific")


def require_plain(image: Path, address: str, disk_gib: int, toolbox: Toolbox) -> None:
    """Refuse an image unless it is a qcow2 disk that is whole by itself, and fits on a guest's disk.

    :param image: the file.
    :param address: where it comes from, for the error.
    :param disk_gib: the size of a guest's disk, ``guest.disk``.
    :param toolbox: has the qemu-img to use.
    :raises LabError: the image is of another format, reads further files, is encrypted or damaged, or larger
        than the guests' disk.
    """
    # The format is given: guessed from the content, it would be whatever the image pretends to be.
    query = toolbox.command("qemu-img", "info", "--output=json", "-f", "qcow2", str(image))
    limits = ["prlimit", f"--as={INSPECTION_MEMORY}", f"--cpu={INSPECTION_LIMIT}"]
    try:
        answer = run([*limits, *query], env=toolbox.env, limit=INSPECTION_LIMIT)
        info = _Info.model_validate_json(answer)
    except (LabError, ValidationError) as error:
        raise _refusal(address, "it is no qcow2 image that QEMU can read") from error
    if faults := list(_faults(info)):
        raise _refusal(address, named(faults))
    if info.virtual_size > disk_gib * 2**30:
        raise LabError(
            f"{address} is a disk of {info.virtual_size / 2**30:.1f} GiB, guests have {disk_gib} GiB",
            next_step="raise guest.disk in inventories/group_data/kvm_hosts.py, or choose a smaller image",
        )


def _faults(info: _Info) -> Iterator[str]:
    details = info.specific.data
    if info.backing_file is not None:
        yield f"it lies on top of another file, {info.backing_file!r}"
    if details.data_file is not None:
        yield f"its content is in another file, {details.data_file!r}"
    if info.encrypted:
        yield "it is encrypted"
    if details.corrupt:
        yield "it is marked as damaged"


def _refusal(address: str, reason: str) -> LabError:
    return LabError(
        f"{address} cannot be the guest image: {reason}",
        next_step="set guest_image in inventories/group_data/kvm_hosts.py to a .qcow2 cloud image that needs "
        "no other file: qemu-img convert makes one of any disk",
    )
