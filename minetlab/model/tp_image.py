"""What a TP image is made of: the file ``image.toml`` of its folder in ``tp/``."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator

from minetlab.model.base import Frozen
from minetlab.model.settings import Slug

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
    :param home: the files of the folder ``home/`` beside ``image.toml``.
    """

    name: Slug
    debian: Literal[12, 13] = 13
    packages: tuple[PackageName, ...] = Field(min_length=1)
    home: tuple[HomeFile, ...] = ()

    packages_from_list = field_validator("packages", mode="before")(
        lambda value: tuple(value) if isinstance(value, list) else value
    )
