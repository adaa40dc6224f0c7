"""What a TP needs in the guests where it is done: the file ``guest.toml`` of its folder in ``tp/``."""

from pydantic import field_validator

from minetlab.lab.base import Frozen
from minetlab.lab.settings import Slug
from minetlab.tp.image_toml import HomeFile, PackageName


class GuestTp(Frozen):
    """A TP that is done in a guest, where the student is root.

    :param name: its folder in ``tp/``, and that of its files in the student's home folder.
    :param packages: what it needs beyond the guest image's own.
    :param images: TP images that the guest's Docker has, without any network.
    :param kvm: whether it needs hardware virtualization in the guest.
    :param build: the content of ``build.sh`` beside ``guest.toml``, if there is one: it runs inside the guest
        image as root, in the folder of the TP's files.
    :param home: the files of the folder ``home/`` beside ``guest.toml``.
    """

    name: Slug
    packages: tuple[PackageName, ...] = ()
    images: tuple[Slug, ...] = ()
    kvm: bool = False
    build: str = ""
    home: tuple[HomeFile, ...] = ()

    tuples_from_lists = field_validator("packages", "images", mode="before")(
        lambda value: tuple(value) if isinstance(value, list) else value
    )
