"""Operations on guest images: built or fetched on this machine, and uploaded to each KVM host once."""

from collections.abc import Iterator
from contextlib import suppress
from functools import partial

from pyinfra.api.command import PyinfraCommand, QuoteString, StringCommand
from pyinfra.context import host

from minetlab.lab import GuestImage
from minetlab.operations import background, observe
from minetlab.operations.commands import lab_operation
from minetlab.operations.shell import all_of, upload as upload_file, verify_upload, virsh
from minetlab.resources.layout import LIBVIRT_IMAGES, Layout
from minetlab.tp import guest_image
from minetlab.util.errors import LabError


@lab_operation
def start_build(lab: str, image: GuestImage, tps: tuple[str, ...], disk: int) -> Iterator[PyinfraCommand]:
    """Begin to build or fetch the base image with these TPs, unless the host has it; never fail."""
    # The operation upload then waits less, and reports the errors.
    with suppress(LabError):
        if guest_image.volume(image, tps) not in observe.libvirt(lab).volumes:
            background.begin([partial(guest_image.file, image, tps, disk, host.log)])
    host.noop("the base image is there, or is being made")
    yield from ()


@lab_operation
def upload(lab: str, image: GuestImage, tps: tuple[str, ...], disk: int) -> Iterator[PyinfraCommand]:
    """Have the base image in the lab's pool.

    :param lab: the lab's name.
    :param image: the guest image in the host's settings.
    :param tps: names of the TPs in it.
    :param disk: size of the guests' disks in GiB.
    :yields: the commands.
    """
    observed = observe.libvirt(lab)
    volume = guest_image.volume(image, tps)
    observe.require_answer(observed)
    if volume in observed.volumes:
        host.noop("the base image is there")
    else:
        yield from observe.changing(_distribute(Layout(lab), image, tps, disk, observed.disk))


def _distribute(
    layout: Layout, image: GuestImage, tps: tuple[str, ...], disk: int, free: int
) -> Iterator[PyinfraCommand]:
    uploaded = f"{layout.folder}/base-image.new"
    # An interrupted run may have left the file. And as this command comes first, no image is built for a host
    # that does not answer any more.
    yield StringCommand("rm -f", QuoteString(uploaded))
    path = guest_image.file(image, tps, disk, host.log)
    name = guest_image.volume(image, tps)  # now that it is built, its edition is known
    size = path.stat().st_size >> 20
    if size > free:
        raise LabError(
            f"{host.name}: the guest image needs {size} MiB, {free} MiB are free in {LIBVIRT_IMAGES}",
            next_step=f"free some disk on {host.name}",
        )
    host.log(f"receives {path.name} ({size} MiB)")
    yield upload_file(path, uploaded)
    yield all_of(
        verify_upload(path, uploaded),
        StringCommand("chmod 0444", QuoteString(uploaded)),
        StringCommand("mv -f", QuoteString(uploaded), QuoteString(layout.disk(name))),
        virsh("pool-refresh", layout.lab),
    )
