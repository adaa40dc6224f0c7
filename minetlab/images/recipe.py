"""What an image is made of. Two recipes that say the same are the same image."""

import hashlib
import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

FORMAT = 1
"""Raise it when the builder makes something else of the same recipe, so that cached images are made anew."""

Suite = Literal["bookworm", "trixie"]
SUITES: dict[int, Suite] = {12: "bookworm", 13: "trixie"}
"""Debian's releases, by major version."""

NO_TIMER_CHECK = "no_timer_check"
"""The kernel argument of every PC that may be emulated.

Without it, the kernel waits some milliseconds for the timer's interrupts early in its boot, and panics if
too few come ("IO-APIC + timer doesn't work!"), as they do on a host whose processors are busy. Under KVM
it spares itself the check (``arch/x86/kernel/kvm.c``).
"""


class ImageFile(BaseModel):
    """A file to put into an image, owned by root.

    :param path: where, from the root, with a leading slash.
    :param mode: its permissions.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str = Field(pattern=r"^/[^/]")
    content: str
    mode: int = Field(default=0o644, ge=0, le=0o7777)


class RootfsArchive(BaseModel):
    """Another image's root file system, put into an image as a compressed tar file.

    :param path: where, from the root, with a leading slash; its folder is made.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str = Field(pattern=r"^/[^/]")
    recipe: "ImageRecipe"


class ImageRecipe(BaseModel):
    """A Debian root file system, and the bootable disk that it can become.

    :param name: the first part of the image's file name.
    :param packages: what it has beyond the packages that every Debian has.
    :param files: put in before the packages are configured, so that their scripts see them.
    :param archives: put in once all packages are configured.
    :param hooks: shell commands run inside, as root, after that.
    :param disk_gib: size of the disk in GiB; the file takes only the room of its content.
    :param kernel_arguments: what the boot loader hands to the kernel, the root device apart.
    :param grub_command: how GRUB loads the kernel: where it lies in the end, byte by byte (``linux``), or in
        its place at once (``linux16``).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    suite: Suite
    packages: tuple[str, ...] = ()
    files: tuple[ImageFile, ...] = ()
    # Left out of the digest where there are none: an image without any is the same image as ever.
    archives: tuple[RootfsArchive, ...] = Field(default=(), exclude_if=lambda value: not value)
    hooks: tuple[str, ...] = ()
    disk_gib: int = Field(default=10, ge=2, le=2000)
    kernel_arguments: str = "console=ttyS0"
    grub_command: Literal["linux", "linux16"] = Field(
        default="linux", exclude_if=lambda value: value == "linux"
    )

    @property
    def digest(self) -> str:
        """A hash of all that the image is made of: 64 hexadecimal digits."""
        return hashlib.sha256(f"{FORMAT}\n{self.model_dump_json()}".encode()).hexdigest()

    @property
    def file_stem(self) -> str:
        """The name in the cache, without suffix."""
        return f"{self.name}-{self.digest[:12]}"


def files_of(folder: Path) -> tuple[ImageFile, ...]:
    """Each file below ``folder``, at the same place in the image; a program stays one."""
    return tuple(
        ImageFile(
            path=f"/{path.relative_to(folder)}",
            content=path.read_text(),
            mode=0o755 if os.access(path, os.X_OK) else 0o644,
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    )
