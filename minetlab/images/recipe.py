"""The recipe of an image: what it is made of. Equal recipes make the same image."""

import hashlib
import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field

RECIPE_FORMAT = 2
"""Raise it when the builder makes another image from the same recipe, so that cached images are replaced."""

Suite = Literal["bookworm", "trixie"]
SUITES: dict[int, Suite] = {12: "bookworm", 13: "trixie"}
"""Code names of Debian's releases, by major version."""

NO_TIMER_CHECK = "no_timer_check"
"""The kernel argument of every machine that may be emulated.

Without it, the kernel waits some milliseconds for timer interrupts early in its boot, and panics if too few
come ("IO-APIC + timer doesn't work!"), which happens on hosts whose processors are busy. Under KVM, the
kernel skips this check by itself (``arch/x86/kernel/kvm.c``).
"""


EMULATED_FAMILY = "minet-lab-emulated"
"""The family that the SMBIOS table of an emulated machine names: type 1 of QEMU's option ``-smbios``."""


class ImageFile(BaseModel, frozen=True, extra="forbid"):
    """A file to put into an image, owned by root.

    :param path: its absolute path in the image.
    :param content: its text.
    :param mode: its permissions.
    """

    path: str = Field(pattern=r"^/[^/]")
    content: str
    mode: int = Field(default=0o644, ge=0, le=0o7777)


class RootfsArchive(BaseModel, frozen=True, extra="forbid"):
    """The root file system of another image, which is put into an image as a compressed tar file.

    :param path: its absolute path in the image; the folder is made.
    :param recipe: the recipe of the other image.
    """

    path: str = Field(pattern=r"^/[^/]")
    recipe: "ImageRecipe"


class ImageRecipe(BaseModel, frozen=True, extra="forbid"):
    """The content of a Debian root file system, and of the bootable disk that can be made of it.

    :param name: the first part of the image's file name.
    :param suite: the code name of the Debian release.
    :param packages: the packages to install, in addition to those that every Debian has.
    :param files: files that are put in before the packages are configured, so that their scripts see them.
    :param archives: archives that are put in once all packages are configured.
    :param hooks: shell commands that are run in the image as root, after that.
    :param disk_gib: the size of the disk in GiB; the file takes only the room of its content.
    :param kernel_arguments: the arguments of the kernel, except for the root device.
    :param emulated_arguments: further ones, only where the machine's family is :data:`EMULATED_FAMILY`.
    :param grub_command: how GRUB loads the kernel: ``linux`` copies it to its place byte by byte, ``linux16``
        reads it to its place at once.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    suite: Suite
    packages: tuple[str, ...] = ()
    files: tuple[ImageFile, ...] = ()
    # An empty value is left out of the digest, so that images from before this field existed stay the same.
    archives: tuple[RootfsArchive, ...] = Field(default=(), exclude_if=lambda value: not value)
    hooks: tuple[str, ...] = ()
    disk_gib: int = Field(default=10, ge=2, le=2000)
    kernel_arguments: str = "console=ttyS0"
    emulated_arguments: str = Field(default="", exclude_if=lambda value: not value)
    grub_command: Literal["linux", "linux16"] = Field(
        default="linux", exclude_if=lambda value: value == "linux"
    )

    @property
    def digest(self) -> str:
        """A hash of everything that the image is made of: 64 hexadecimal digits."""
        return hashlib.sha256(f"{RECIPE_FORMAT}\n{self.model_dump_json()}".encode()).hexdigest()

    @property
    def file_stem(self) -> str:
        """The name of the image's file in the cache, without suffix."""
        return f"{self.name}-{self.digest[:12]}"


def files_of(folder: Path) -> tuple[ImageFile, ...]:
    """Return all files below ``folder``, for the same paths in the image; executables stay executable."""
    return tuple(
        ImageFile(
            path=f"/{path.relative_to(folder)}",
            content=path.read_text(encoding="utf-8"),
            mode=0o755 if os.access(path, os.X_OK) else 0o644,
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    )
