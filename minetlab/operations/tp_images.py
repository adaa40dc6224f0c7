"""Operations on TP images: built on this machine once, and imported by each container host once."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from pyinfra.api.command import PyinfraCommand, QuoteString, StringCommand
from pyinfra.context import host

from minetlab.facts.docker import DockerRoom
from minetlab.images import build_rootfs
from minetlab.images.recipe import ImageRecipe
from minetlab.operations import background, observe
from minetlab.operations.commands import lab_operation
from minetlab.operations.docker import remove_folder
from minetlab.operations.shell import upload, verify_upload
from minetlab.resources.docker import DockerObserved, unused_images, uploads_folder
from minetlab.resources.tp_images import ImageSpec
from minetlab.tp import tp_images
from minetlab.util.errors import LabError

SpecOfImage = Callable[[], ImageSpec]
"""Says how hosts know an image: called once the image is built, as only then its edition is known."""
ROOM_FACTOR = 7
"""Disk for an import, in sizes of the compressed file: the file, its content (three), and working space."""


@lab_operation
def start_builds(lab: str, names: tuple[str, ...]) -> Iterator[PyinfraCommand]:
    """Begin to build TP images, named as their folders in ``tp/``, that the host lacks; never fail."""
    # The operation load then waits less, and reports the errors.
    with suppress(LabError):
        missing = _missing(lab, names, observe.docker(lab))
        background.begin(partial(build_rootfs, recipe, host.log) for _, recipe in missing)
    host.noop("the TP images are there, or are being made")
    yield from ()


@lab_operation
def load(lab: str, names: tuple[str, ...]) -> Iterator[PyinfraCommand]:
    """Have TP images on the host, as their folders describe them.

    :param lab: the lab's name.
    :param names: folders in ``tp/``.
    :yields: the commands.
    """
    observed = observe.docker(lab)
    missing = _missing(lab, names, observed)
    if not missing and not observed.uploads:
        host.noop("all TP images are there")
        return
    observe.require_answer(observed)
    yield from observe.changing(load_commands(lab, missing, observed))


@lab_operation
def prune(lab: str, names: tuple[str, ...]) -> Iterator[PyinfraCommand]:
    """Remove the lab's images, except TP images of the given names, and images that containers use."""
    observed = observe.docker(lab)
    observe.refuse_silence(observed)
    images = unused_images(observed, tp_images.references(lab, names).values())
    commands = [StringCommand("docker", "image", "rm", *map(QuoteString, images))] if images else []
    yield from observe.changing(commands, otherwise="no image is out of use")


def _missing(
    lab: str, names: tuple[str, ...], observed: DockerObserved
) -> tuple[tuple[SpecOfImage, ImageRecipe], ...]:
    present = {image.reference for image in observed.images}
    return tuple(
        (partial(tp_images.spec, lab, image), tp_images.recipe(image))
        for image in tp_images.read(names)
        if tp_images.spec(lab, image).reference not in present
    )


def load_commands(
    lab: str, images: Iterable[tuple[SpecOfImage, ImageRecipe]], observed: DockerObserved
) -> Iterator[PyinfraCommand]:
    """Build images on this machine, upload them, have dockerd import them, and remove the uploads.

    :param lab: the lab's name.
    :param images: of each image, what says how the host knows it, and its recipe.
    :param observed: the Docker of the host.
    :yields: the commands.
    """
    folder = uploads_folder(lab)
    present = {image.reference for image in observed.images}
    yield StringCommand("install", "--directory", "--mode=0700", QuoteString(folder))
    for spec_of_image, recipe in images:
        tar = build_rootfs(recipe, host.log)
        spec = spec_of_image()
        if spec.reference not in present:  # what was built anew can be what the host has
            yield from _import(spec, tar, folder)
    yield remove_folder(folder)


def _import(spec: ImageSpec, tar: Path, folder: str) -> Iterator[PyinfraCommand]:
    needed = ROOM_FACTOR * tar.stat().st_size
    free = observe.fact(DockerRoom)
    if free < needed:
        raise LabError(
            f"{host.name}: {spec.reference} needs {needed >> 20} MiB, Docker has {free >> 20} MiB left",
            next_step=f"free some disk on {host.name}: docker system df shows what Docker holds",
        )
    uploaded = f"{folder}/{tar.name}"
    yield upload(tar, uploaded)
    yield verify_upload(tar, uploaded)
    yield StringCommand("docker import", *map(QuoteString, (*spec.changes(), uploaded, spec.reference)))
