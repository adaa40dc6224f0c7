"""The models of ``image.toml`` and ``guest.toml`` in a folder of ``tp/``: what a TP needs."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, ValidationInfo, field_validator

from minetlab.images.recipe import ImageFile
from minetlab.lab.base import Frozen, Listed
from minetlab.lab.settings import Slug

PackageName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9+.-]+$")]


class TpImage(Frozen):
    """A container image in which a TP is done.

    :param name: the name of its folder in ``tp/``.
    :param debian: the major version of Debian that it is made from.
    :param packages: the packages that the TP needs in addition to a minimal Debian.
    :param build: the content of ``build.sh`` beside ``image.toml``, or empty; it runs inside the image as
        root, in the student's home folder, with the files of ``home/`` in place.
    :param build_packages: further packages that ``build.sh`` needs; they are removed after the build.
    :param home: the files of the folder ``home/`` beside ``image.toml``, as if that were an image's root.
    """

    name: Slug
    debian: Literal[12, 13] = 13
    packages: Listed[PackageName] = Field(min_length=1)
    build: str = ""
    build_packages: Listed[PackageName] = ()
    home: tuple[ImageFile, ...] = ()

    @field_validator("build_packages")
    @classmethod
    def serve_the_build_only(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        """Refuse build packages without a ``build.sh``, and those that are also in ``packages``."""
        if value and not info.data.get("build"):
            raise ValueError("there is no build.sh that would use them")
        if duplicates := sorted(set(value).intersection(info.data.get("packages", ()))):
            raise ValueError(f"also in packages, which stay in the image: {', '.join(duplicates)}")
        return value


class GuestTp(Frozen):
    """A TP that is done in a guest, where the student is root.

    :param name: the name of its folder in ``tp/``, and of the folder with its files in the student's home.
    :param packages: the packages that it needs in addition to those of the guest image.
    :param images: the names of TP images that Docker in the guest can use without a network.
    :param kvm: whether it needs hardware virtualization in the guest.
    :param build: the content of ``build.sh`` beside ``guest.toml``, or empty; it runs inside the guest image
        as root, in the folder of the TP's files.
    :param home: the files of the folder ``home/`` beside ``guest.toml``, as if that were an image's root.
    """

    name: Slug
    packages: Listed[PackageName] = ()
    images: Listed[Slug] = ()
    kvm: bool = False
    build: str = ""
    home: tuple[ImageFile, ...] = ()
