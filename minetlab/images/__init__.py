"""Disk images and root file systems: built, fetched and cached here, without root."""

from minetlab.images.disk import build_disk as build_disk, build_rootfs as build_rootfs
from minetlab.images.fetched import fetch as fetch
from minetlab.util.progress import Progress as Progress
