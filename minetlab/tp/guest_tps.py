"""The practical work inside the guests: read from its folders in ``tp/``, and added to the guest image."""

from collections.abc import Iterable
from pathlib import Path

from minetlab.images import ImageFile, ImageRecipe, RootfsArchive
from minetlab.images.guest import guest_recipe
from minetlab.images.recipe import files_of
from minetlab.lab.packages import CONTAINER_HOST_PACKAGES
from minetlab.tp.guest_toml import GuestTp
from minetlab.tp.tp_images import FOLDER, INSTRUCTIONS, Setting, home_files, read_folder
from minetlab.tp.tp_images import read as read_images
from minetlab.tp.tp_images import recipe as image_recipe
from minetlab.util.paths import TEMPLATES

IN_GUESTS = Setting("guest_tps", "group_data/kvm_hosts.py", "guest.toml", "TP for guests")
HOME = "/etc/skel"
"""What a new account's home folder is a copy of."""
IMAGES = "/usr/local/share/tp-images"
"""Where templates/guest-docker/usr/local/bin/docker looks for what it imports."""
_DOCKER_HOOKS = (
    # containerd's tools for its developers, and what older Docker needed: 18 MB of what hosts receive.
    "rm -f /usr/bin/containerd-shim /usr/bin/containerd-shim-runc-v1 /usr/bin/containerd-stress /usr/bin/ctr",
    # Every guest keeps these: zstd packs them tighter than gzip, which hosts with an older Docker need.
    f"gunzip {IMAGES}/*.tar.gz; zstd -19 -q --rm {IMAGES}/*.tar",
    "install -d -g docker -m 2775 /var/lib/tp-images; touch /var/lib/tp-images/.lock",
    # Docker starts when it is first used: at the boot, it would cost every guest seconds.
    "systemctl disable apparmor.service containerd.service docker.service; systemctl enable docker.socket",
)


def read(names: Iterable[str], folder: Path = FOLDER) -> tuple[GuestTp, ...]:
    """Read these TPs from their folders.

    :raises LabError: a folder has no ``guest.toml``, or a wrong one.
    """
    return tuple(read_folder(folder / name, GuestTp, IN_GUESTS) for name in names)


def recipe(debian: int, names: Iterable[str], folder: Path = FOLDER) -> ImageRecipe:
    """What the guest image is made of; its digest is the content hash.

    :param debian: major version, 12 or 13.
    :param names: the TPs that are in it.
    :raises LabError: a folder has no ``guest.toml``, or a wrong one; or that of a TP image that it names.
    """
    tps = read(names, folder)
    base = guest_recipe(debian)
    images = read_images(sorted({image for tp in tps for image in tp.images}), folder)
    docker = CONTAINER_HOST_PACKAGES[debian] if images else ()
    packages = {*base.packages, *docker, *(package for tp in tps for package in tp.packages)}
    instructions = (
        ImageFile(
            path=f"{IMAGES}/{image.name}.instructions", content="".join(f"{each}\n" for each in INSTRUCTIONS)
        )
        for image in images
    )
    return base.model_copy(
        update={
            "packages": tuple(sorted(packages)),
            "files": (
                *base.files,
                *(files_of(TEMPLATES / "guest-docker") if images else ()),
                *instructions,
                *(file for tp in tps for file in home_files(tp.home, f"{HOME}/{tp.name}")),
            ),
            "archives": tuple(
                RootfsArchive(path=f"{IMAGES}/{image.name}.tar.gz", recipe=image_recipe(image))
                for image in images
            ),
            "hooks": (*base.hooks, *_build_hooks(tps), *(_DOCKER_HOOKS if images else ())),
        }
    )


def _build_hooks(tps: tuple[GuestTp, ...]) -> Iterable[str]:
    return (f"install -d {HOME}/{tp.name}; cd {HOME}/{tp.name}\n{tp.build}" for tp in tps if tp.build)
