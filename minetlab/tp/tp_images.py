"""The TP images: read from their folders in ``tp/``, and built on this machine as root file systems.

A container host only imports the result: it builds nothing, and needs no registry and no package mirror.
"""

import shlex
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from minetlab.images.editions import content_digest
from minetlab.images.recipe import SUITES, ImageFile, ImageRecipe, files_of
from minetlab.lab.base import Frozen
from minetlab.resources.docker import TP_ACCOUNTS, TP_HOME
from minetlab.resources.tp_images import ImageSpec
from minetlab.tp.definitions import TpImage
from minetlab.util.errors import LabError
from minetlab.util.files import refuse_links_out_of
from minetlab.util.paths import PROJECT_ROOT, TEMPLATES

TP_FOLDER = PROJECT_ROOT / "tp"
TP_USER, TP_UID, TP_SHELL = "etudiant", 1000, "/bin/zsh"
READ_AND_EDIT = ("less", "nano")
"""Packages wherever a TP is done: sheets have students read and change files."""
# These are in every image, so that its student can log in. openssh-server depends on a sysusers program, and
# the standalone one does not depend on systemd.
TP_IMAGE_PACKAGES = ("openssh-server", "systemd-standalone-sysusers", *READ_AND_EDIT)
# Removes what nobody reads in a container, as every host has to receive it, and the host keys of SSH, as all
# containers of the image would have the same ones.
STRIP = (
    "rm -rf /usr/share/doc/* /usr/share/info/* /usr/share/locale/* /usr/share/man/* "
    "/var/cache/apt/* /var/lib/apt/lists/* /var/log/*log /var/log/apt /etc/ssh/ssh_host_*"
)
HOOKS = (
    # /etc/skel keeps the TP's original files: a sheet can be tried without touching the student's files.
    f"install --directory {TP_HOME}; cp --recursive --preserve=mode,timestamps {TP_HOME}/. /etc/skel; "
    f"useradd --uid {TP_UID} --no-create-home --home-dir {TP_HOME} --shell {TP_SHELL} {TP_USER}; "
    f"chown --recursive {TP_USER}:{TP_USER} {TP_HOME}",
    STRIP,
    # A container has these with a number of its own: templates/tp/etc/minet-lab/start.
    f"install -D --mode=0644 --target-directory={TP_ACCOUNTS} /etc/passwd /etc/group; "
    "install -D --mode=0644 --target-directory=/usr/share/minet-lab /etc/passwd /etc/group; "
    f"ln --symbolic --force {TP_ACCOUNTS}/passwd {TP_ACCOUNTS}/group /etc",
)
# Instructions of a Dockerfile, which `docker import` applies to the image.
TP_IMAGE_INSTRUCTIONS = (
    f"USER {TP_USER}",
    f"WORKDIR {TP_HOME}",
    f"ENV LANG=C.UTF-8 SHELL={TP_SHELL}",
    'CMD ["/etc/minet-lab/start"]',
)


@dataclass(frozen=True)
class Setting:
    """A setting of the inventory in which the administrator lists folders of ``tp/``.

    :param name: the name of the setting.
    :param file: the file of the inventory that has it.
    :param definition: the name of the file that defines such a TP, in its folder.
    :param kind: what that file defines, for messages.
    """

    name: str
    file: str
    definition: str
    kind: str


IN_CONTAINERS = Setting("tp_images", "group_data/container_hosts.py", "image.toml", "TP image")
Tp = TypeVar("Tp", bound=Frozen)


def read(names: Iterable[str], folder: Path = TP_FOLDER) -> tuple[TpImage, ...]:
    """Read the definitions of TP images.

    :param names: the names of the images.
    :param folder: the folder that has a folder for each image.
    :return: the images, in the order of ``names``.
    :raises LabError: an image has no ``image.toml``, or a wrong one.
    """
    return tuple(read_folder(folder / name, TpImage, IN_CONTAINERS) for name in names)


def recipe(image: TpImage) -> ImageRecipe:
    """Return the recipe of the image's root file system."""
    return ImageRecipe(
        name=f"tp-{image.name}",
        suite=SUITES[image.debian],
        packages=(*TP_IMAGE_PACKAGES, *image.packages, *image.build_packages),
        files=(*files_of(TEMPLATES / "tp"), *home_files(image.home, TP_HOME)),
        hooks=(*_build_hooks(image), *HOOKS),
    )


def spec(lab: str, image: TpImage) -> ImageSpec:
    """Return the image as the container hosts of the lab ``lab`` know it."""
    return ImageSpec(lab, image.name, content_digest(recipe(image)), TP_IMAGE_INSTRUCTIONS)


def references(lab: str, names: Iterable[str]) -> dict[str, str]:
    """Return the references by which a lab's container hosts know TP images.

    :param lab: the name of the lab.
    :param names: the names of the images.
    :return: image name to reference, such as ``minet/processus:0123456789ab``.
    :raises LabError: an image has no ``image.toml``, or a wrong one.
    """
    return {image.name: spec(lab, image).reference for image in read(names)}


def _build_hooks(image: TpImage) -> Iterable[str]:
    if image.build:
        yield f"install --directory {TP_HOME}; cd {TP_HOME}\n{image.build}"
    if image.build_packages:
        yield f"apt-get purge --yes --auto-remove {shlex.join(image.build_packages)}"


def read_folder(folder: Path, model: type[Tp], setting: Setting) -> Tp:
    """Read the definition of a TP, its build script and its files from a folder of ``tp/``.

    :param folder: the folder.
    :param model: the model of the definition.
    :param setting: the setting that lists such folders.
    :return: an instance of ``model``.
    :raises LabError: the folder has no definition of that kind, a wrong one, or a link that leads out.
    """
    definition = folder / setting.definition
    refuse_links_out_of(folder)
    try:
        fields = tomllib.loads(definition.read_text(encoding="utf-8"))
        return model.model_validate(
            {
                "name": folder.name,
                "build": _text_or_empty(folder / "build.sh"),
                "home": files_of(folder / "home"),
                **fields,
            }
        )
    except ValidationError as error:
        problems = [
            f"{definition}: {'.'.join(map(str, problem['loc']))}: {problem['msg']}"
            for problem in error.errors()
        ]
        raise LabError("\n".join(problems), next_step=f"correct {definition}") from error
    except FileNotFoundError as error:
        choices = sorted(path.parent.name for path in folder.parent.glob(f"*/{setting.definition}"))
        raise LabError(
            f"{setting.name}: there is no {setting.kind} {folder.name!r}: {error.filename} does not exist",
            next_step=f"use one of these in {setting.file}: {', '.join(choices)}",
        ) from error
    except (OSError, ValueError) as error:  # ValueError: wrong TOML or UTF-8
        raise LabError(
            f"cannot read the {setting.kind} in {folder}: {error}", next_step=f"correct {definition}"
        ) from error


def home_files(home: tuple[ImageFile, ...], folder: str) -> tuple[ImageFile, ...]:
    """Return a TP's files in ``folder`` of an image, instead of its root."""
    return tuple(file.model_copy(update={"path": f"{folder}{file.path}"}) for file in home)


def _text_or_empty(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""
