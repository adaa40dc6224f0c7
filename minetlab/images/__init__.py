"""Disk images and root file systems: built, fetched and cached here, without root."""

from minetlab.images.disk import build_disk, build_rootfs
from minetlab.images.fetched import fetch
from minetlab.images.recipe import SUITES, ImageFile, ImageRecipe, RootfsArchive, Suite
from minetlab.util.progress import Progress

__all__ = [
    "SUITES",
    "ImageFile",
    "ImageRecipe",
    "Progress",
    "RootfsArchive",
    "Suite",
    "build_disk",
    "build_rootfs",
    "fetch",
]
