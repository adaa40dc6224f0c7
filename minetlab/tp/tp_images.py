"""The TP images: read from their folders in ``tp/``, and built here, at native speed, as root file systems.

A container host only imports the result: it needs no registry and no package mirror, and builds nothing.
"""

import json
import shlex
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from minetlab.images import SUITES, ImageFile, ImageRecipe
from minetlab.images.recipe import files_of
from minetlab.lab.base import Frozen
from minetlab.resources.tp_images import ImageSpec
from minetlab.tp.image_toml import HomeFile, TpImage
from minetlab.util.errors import LabError
from minetlab.util.paths import PROJECT_ROOT, TEMPLATES

FOLDER = PROJECT_ROOT / "tp"
USER, UID, HOME, SHELL = "etudiant", 1000, "/home/etudiant", "/bin/zsh"
# In every image, so that its student can log in. sshd asks for a sysusers, and this one brings no systemd.
PACKAGES = ("openssh-server", "systemd-standalone-sysusers")
# A container has nobody to read these, and every host would have to receive them.
# A host key of the image would be everybody's.
STRIP = (
    "rm -rf /usr/share/doc/* /usr/share/info/* /usr/share/locale/* /usr/share/man/* "
    "/var/cache/apt/* /var/lib/apt/lists/* /var/log/*log /var/log/apt /etc/ssh/ssh_host_*"
)
HOOKS = (
    # What the TP starts from stays there, too: a sheet can be tried without touching the student's files.
    f"install --directory {HOME}; cp --recursive --preserve=mode,timestamps {HOME}/. /etc/skel; "
    f"useradd --uid {UID} --no-create-home --home-dir {HOME} --shell {SHELL} {USER}; "
    f"chown --recursive {USER}:{USER} {HOME}",
    STRIP,
)
# What `docker import` lets an image carry; Docker's own words, as in a Dockerfile.
INSTRUCTIONS = (
    f"USER {USER}",
    f"WORKDIR {HOME}",
    f"ENV LANG=C.UTF-8 SHELL={SHELL}",
    'CMD ["/usr/sbin/sshd", "-D", "-e", "-f", "/etc/minet-lab/sshd_config"]',
)


@dataclass(frozen=True)
class Setting:
    """Where an administrator names folders of ``tp/``.

    :param name: of the group data.
    :param definition: the file that such a folder has.
    :param what: it defines.
    """

    name: str
    file: str
    definition: str
    what: str


IN_CONTAINERS = Setting("tp_images", "group_data/container_hosts.py", "image.toml", "TP image")
Tp = TypeVar("Tp", bound=Frozen)


def read(names: Iterable[str], folder: Path = FOLDER) -> tuple[TpImage, ...]:
    """Read these TP images from their folders.

    :raises LabError: a folder has no ``image.toml``, or a wrong one.
    """
    return tuple(read_folder(folder / name, TpImage, IN_CONTAINERS) for name in names)


def recipe(image: TpImage) -> ImageRecipe:
    """What the image's root file system is made of; its digest is the content hash."""
    return ImageRecipe(
        name=f"tp-{image.name}",
        suite=SUITES[image.debian],
        packages=(*PACKAGES, *image.packages, *image.build_packages),
        files=(*files_of(TEMPLATES / "tp"), *home_files(image.home, HOME)),
        hooks=(*_build_hooks(image), *HOOKS),
    )


def spec(lab: str, image: TpImage) -> ImageSpec:
    """The image as a container host of the lab knows it."""
    content = json.dumps([recipe(image).digest, INSTRUCTIONS])
    return ImageSpec(lab, image.name, sha256(content.encode()).hexdigest(), INSTRUCTIONS)


def references(lab: str, names: Iterable[str]) -> dict[str, str]:
    """By which reference the lab's container hosts know each of these TP images.

    :raises LabError: a folder has no ``image.toml``, or a wrong one.
    """
    return {image.name: spec(lab, image).reference for image in read(names)}


def _build_hooks(image: TpImage) -> Iterable[str]:
    if image.build:
        yield f"install --directory {HOME}; cd {HOME}\n{image.build}"
    if image.build_packages:
        yield f"apt-get purge --yes --auto-remove {shlex.join(image.build_packages)}"


def read_folder(folder: Path, model: type[Tp], setting: Setting) -> Tp:
    """Read a folder of ``tp/``.

    :param model: what its definition has to be.
    :raises LabError: it has no definition of that kind, or a wrong one.
    """
    definition = folder / setting.definition
    try:
        given = tomllib.loads(definition.read_text(encoding="utf-8"))
        return model.model_validate(
            {
                "name": folder.name,
                "build": _text_if_there(folder / "build.sh"),
                "home": tuple(_home_files(folder / "home")),
                **given,
            }
        )
    except ValidationError as error:
        problems = [
            f"{definition}: {'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()
        ]
        raise LabError("\n".join(problems), next_step=f"correct {definition}") from error
    except FileNotFoundError as error:
        known = ", ".join(sorted(path.parent.name for path in folder.parent.glob(f"*/{setting.definition}")))
        raise LabError(
            f"{setting.name}: there is no {setting.what} {folder.name!r}: {error.filename} does not exist",
            next_step=f"use one of these in {setting.file}: {known}",
        ) from error
    except (OSError, ValueError) as error:  # ValueError: of TOML and of UTF-8
        raise LabError(
            f"cannot read the {setting.what} in {folder}: {error}", next_step=f"correct {definition}"
        ) from error


def home_files(home: tuple[HomeFile, ...], folder: str) -> tuple[ImageFile, ...]:
    """A TP's files, in the folder of an image that they belong into."""
    return tuple(
        ImageFile(
            path=f"{folder}/{file.path}", content=file.content, mode=0o755 if file.executable else 0o644
        )
        for file in home
    )


def _text_if_there(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""


def _home_files(home: Path) -> Iterable[dict[str, object]]:
    for path in sorted(home.rglob("*")):
        if path.is_file():
            yield {
                "path": str(path.relative_to(home)),
                "content": path.read_text(encoding="utf-8"),
                "executable": bool(path.stat().st_mode & 0o100),
            }
