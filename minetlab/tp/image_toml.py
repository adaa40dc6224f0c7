"""What a TP image is made of: the file ``image.toml`` of its folder in ``tp/``."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, ValidationInfo, field_validator

from minetlab.lab.base import Frozen
from minetlab.lab.settings import Slug

PackageName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9+.-]+$")]


class HomeFile(Frozen):
    """A file of the TP, in the student's home folder.

    :param path: relative to the home folder.
    """

    path: Annotated[str, StringConstraints(pattern=r"^[^/].*$")]
    content: str
    executable: bool = False


class TpImage(Frozen):
    """A container image the practical work uses.

    :param name: its folder in ``tp/``.
    :param debian: the Debian release it is made from.
    :param packages: what the TP needs beyond Debian's minimum.
    :param build: the content of ``build.sh`` beside ``image.toml``, if there is one: it runs inside the image
        as root, in the student's home folder, with the files of ``home/`` in place.
    :param build_packages: what ``build.sh`` needs on top; they are gone from the finished image.
    :param home: the files of the folder ``home/`` beside ``image.toml``.
    """

    name: Slug
    debian: Literal[12, 13] = 13
    packages: tuple[PackageName, ...] = Field(min_length=1)
    build: str = ""
    build_packages: tuple[PackageName, ...] = ()
    home: tuple[HomeFile, ...] = ()

    packages_from_list = field_validator("packages", "build_packages", mode="before")(
        lambda value: tuple(value) if isinstance(value, list) else value
    )

    @field_validator("build_packages")
    @classmethod
    def serve_the_build_only(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        """Refuse packages that nothing is built with, and those that shall both stay and go."""
        if value and not info.data.get("build"):
            raise ValueError("there is no build.sh that would use them")
        if both := sorted(set(value).intersection(info.data.get("packages", ()))):
            raise ValueError(f"also in packages, which stay in the image: {', '.join(both)}")
        return value
