"""The model of ``guest.toml`` in a folder of ``tp/``: what the TP needs in guests."""

from minetlab.lab.base import Frozen, Listed
from minetlab.lab.settings import Slug
from minetlab.tp.image_toml import HomeFile, PackageName


class GuestTp(Frozen):
    """A TP that is done in a guest, where the student is root.

    :param name: the name of its folder in ``tp/``, and of the folder with its files in the student's home.
    :param packages: the packages that it needs in addition to those of the guest image.
    :param images: the names of TP images that Docker in the guest can use without a network.
    :param kvm: whether it needs hardware virtualization in the guest.
    :param build: the content of ``build.sh`` beside ``guest.toml``, or empty; it runs inside the guest image
        as root, in the folder of the TP's files.
    :param home: the files of the folder ``home/`` beside ``guest.toml``.
    """

    name: Slug
    packages: Listed[PackageName] = ()
    images: Listed[Slug] = ()
    kvm: bool = False
    build: str = ""
    home: tuple[HomeFile, ...] = ()
