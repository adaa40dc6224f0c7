"""Operations on TP images: built here once, imported by each container host once."""

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

from pyinfra.api.command import FileUploadCommand, QuoteString, StringCommand
from pyinfra.api.operation import operation
from pyinfra.context import host

from minetlab.facts.docker import DockerRoom
from minetlab.images import ImageRecipe, build_rootfs
from minetlab.images.cache import checksum_file
from minetlab.operations import background, observe
from minetlab.operations.commands import Commands, failure
from minetlab.operations.docker import remove_uploads, unanswered
from minetlab.resources.docker import DockerObserved, superseded, uploads_folder
from minetlab.resources.tp_images import ImageSpec
from minetlab.tp import tp_images
from minetlab.util.errors import LabError

ROOM_FACTOR = 7
"""Of the compressed file's size: itself, its files, three times as big, and as much again to work with."""


@operation()
def start_builds(lab: str, names: tuple[str, ...]) -> Commands:
    """Begin to build those of these TP images that the host lacks; :func:`load` then need not.

    It changes nothing on the host, and does not fail.

    :param names: folders of ``tp/``.
    """
    with suppress(LabError):
        missing = _missing(lab, names, observe.docker(lab))
        background.begin(partial(build_rootfs, recipe, host.log) for recipe in missing.values())
    host.noop("the TP images are there, or in the making")
    yield from ()


@operation()
def load(lab: str, names: tuple[str, ...]) -> Commands:
    """Have these TP images on the host, with the content their folders describe.

    :param names: folders of ``tp/``.
    """
    observed = observe.docker(lab)
    try:
        missing = _missing(lab, names, observed)
    except LabError as error:
        yield failure(error)
        return
    if not missing and not observed.uploads:
        host.noop("all TP images are there")
        return
    if problem := unanswered(observed):
        yield failure(problem)
        return
    yield from observe.changing(load_commands(lab, missing))


@operation()
def prune(lab: str, names: tuple[str, ...]) -> Commands:
    """Remove the lab's images that neither these names nor a container refer to any more."""
    observed = observe.docker(lab)
    try:
        wanted = tp_images.references(lab, names).values()
    except LabError as error:
        yield failure(error)
        return
    images = superseded(observed, wanted)
    if images:
        yield from observe.changing([StringCommand("docker", "image", "rm", *map(QuoteString, images))])
    else:
        host.noop("no image is out of use")


def _missing(lab: str, names: tuple[str, ...], observed: DockerObserved) -> dict[ImageSpec, ImageRecipe]:
    there = {image.reference for image in observed.images}
    wanted = {tp_images.spec(lab, image): image for image in tp_images.read(names)}
    return {spec: tp_images.recipe(image) for spec, image in wanted.items() if spec.reference not in there}


def load_commands(lab: str, images: Mapping[ImageSpec, ImageRecipe]) -> Commands:
    """Build images here, and have the host's dockerd import them; what was received goes again."""
    folder = uploads_folder(lab)
    yield StringCommand("install", "--directory", "--mode=0700", QuoteString(folder))
    for spec, recipe in images.items():
        yield from _import(spec, recipe, folder)
    yield remove_uploads(lab)


def _import(spec: ImageSpec, recipe: ImageRecipe, folder: str) -> Commands:
    try:
        tar = build_rootfs(recipe, host.log)
    except LabError as error:
        yield failure(error)
        return
    needed = ROOM_FACTOR * tar.stat().st_size
    free = host.get_fact(DockerRoom)
    if free < needed:
        yield failure(
            LabError(
                f"{host.name}: {spec.reference} needs {needed >> 20} MiB, Docker has {free >> 20} MiB left",
                next_step=f"free some disk on {host.name}: docker system df shows what Docker holds",
            )
        )
        return
    uploaded = f"{folder}/{tar.name}"
    yield FileUploadCommand(str(tar), uploaded)
    yield arrived_whole(tar, uploaded)
    yield StringCommand(
        "docker",
        "import",
        *map(QuoteString, spec.changes()),
        QuoteString(uploaded),
        QuoteString(spec.reference),
    )


def arrived_whole(file: Path, uploaded: str) -> StringCommand:
    """Check what a host received: as it was built, the sum comes from the build's own record."""
    recorded = checksum_file(file).read_text().split(" ")[0]
    return StringCommand("echo", QuoteString(f"{recorded}  {uploaded}"), "| sha256sum --check --quiet")
