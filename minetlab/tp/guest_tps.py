"""The TPs that are done in guests: read from their folders in ``tp/``, and added to the guest image."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from minetlab.images.guest import guest_recipe
from minetlab.images.recipe import ImageFile, ImageRecipe, RootfsArchive, files_of
from minetlab.lab.packages import CONTAINER_HOST_PACKAGES
from minetlab.tp.definitions import GuestTp, TpImage
from minetlab.tp.tp_images import (
    READ_AND_EDIT,
    TP_FOLDER,
    TP_IMAGE_INSTRUCTIONS,
    Setting,
    home_files,
    read as read_images,
    read_folder,
    recipe as image_recipe,
)
from minetlab.util.paths import TEMPLATES

IN_GUESTS = Setting("guest_tps", "group_data/kvm_hosts.py", "guest.toml", "TP for guests")
SKELETON = "/etc/skel"
"""The folder of which the home folder of a new account is a copy."""
IMAGE_ARCHIVES = "/usr/local/share/tp-images"
"""The folder in which templates/guest-docker/usr/local/bin/docker looks for the images to import."""
_DOCKER_HOOKS = (
    # These are containerd's tools for developers, and programs for older versions of Docker: 18 MB.
    "rm -f /usr/bin/containerd-shim /usr/bin/containerd-shim-runc-v1 /usr/bin/containerd-stress /usr/bin/ctr",
    # Every guest has these files: zstd makes them smaller than gzip, which container hosts need.
    f"gunzip {IMAGE_ARCHIVES}/*.tar.gz; zstd -19 -q --rm {IMAGE_ARCHIVES}/*.tar",
    "install -d -g docker -m 2775 /var/lib/tp-images; touch /var/lib/tp-images/.lock",
    # Docker starts at its first use: at the boot, it would take seconds in every guest.
    "systemctl disable apparmor.service containerd.service docker.service; systemctl enable docker.socket",
)


def read(names: Iterable[str], folder: Path = TP_FOLDER) -> tuple[GuestTp, ...]:
    """Read the definitions of TPs for guests.

    :param names: the names of the TPs.
    :param folder: the folder that has a folder for each TP.
    :return: the TPs, in the order of ``names``.
    :raises LabError: a TP has no ``guest.toml``, or a wrong one.
    """
    return tuple(read_folder(folder / name, GuestTp, IN_GUESTS) for name in names)


def recipe(debian: int, names: Iterable[str], folder: Path = TP_FOLDER) -> ImageRecipe:
    """Return the recipe of the guest image with these TPs.

    :param debian: the major version of Debian, 12 or 13.
    :param names: the names of the TPs that are in the image.
    :param folder: the folder that has a folder for each TP.
    :return: the recipe.
    :raises LabError: the definition of a TP, or of a TP image that it uses, is missing or wrong.
    """
    tps = read(names, folder)
    base = guest_recipe(debian)
    images = read_images(sorted({image for tp in tps for image in tp.images}), folder)
    packages = {*base.packages, *(package for tp in tps for package in tp.packages)}
    if tps:
        packages.update(READ_AND_EDIT)
    if images:
        packages.update(CONTAINER_HOST_PACKAGES[debian])
    home = [file for tp in tps for file in home_files(tp.home, f"{SKELETON}/{tp.name}")]
    archives = [
        RootfsArchive(path=f"{IMAGE_ARCHIVES}/{image.name}.tar.gz", recipe=image_recipe(image))
        for image in images
    ]
    return base.model_copy(
        update={
            "packages": tuple(sorted(packages)),
            "files": (*base.files, *_docker_files(images), *home),
            "archives": tuple(archives),
            "hooks": (*base.hooks, *_build_hooks(tps), *(_DOCKER_HOOKS if images else ())),
        }
    )


def _docker_files(images: tuple[TpImage, ...]) -> Iterator[ImageFile]:
    """Yield the files with which Docker in the guest imports these TP images at its first use."""
    if images:
        yield from files_of(TEMPLATES / "guest-docker")
    for image in images:
        content = "".join(f"{instruction}\n" for instruction in TP_IMAGE_INSTRUCTIONS)
        yield ImageFile(path=f"{IMAGE_ARCHIVES}/{image.name}.instructions", content=content)


def _build_hooks(tps: tuple[GuestTp, ...]) -> Iterable[str]:
    return (f"install -d {SKELETON}/{tp.name}; cd {SKELETON}/{tp.name}\n{tp.build}" for tp in tps if tp.build)
