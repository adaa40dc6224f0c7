"""The toolbox: QEMU and the programs that make disks, from one Debian release on every machine.

It is a tree of unpacked Debian packages in the cache. Its programs run in place, with the tree's own dynamic
loader, so that they need no root, chroot or namespace. The reasons are in docs/decisions/toolbox.md.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from minetlab.images.cache import locked, require_free_space
from minetlab.images.mmdebstrap import mmdebstrap
from minetlab.util.files import scratch_folder
from minetlab.util.paths import cache_dir
from minetlab.util.process import run
from minetlab.util.progress import Progress

SUITE = "trixie"
_BACKPORTS = f"{SUITE}-backports"
TOOLBOX_PACKAGES = (
    "e2fsprogs",
    "grub-common",
    "grub-pc-bin",
    "libarchive13t64",  # mkfs.ext4 loads it at run time, to fill a file system from a tar file
    "xxhash",
    # The release's own QEMU is too old: docs/decisions/emulation-needs-a-recent-qemu.md.
    *(f"{package}/{_BACKPORTS}" for package in ("qemu-system-common", "qemu-system-data", "qemu-system-x86")),
    *(f"{package}/{_BACKPORTS}" for package in ("qemu-utils", "seabios")),
)
_ADD_BACKPORTS = (
    '--setup-hook=mkdir -p "$1/etc/apt/sources.list.d" && '
    f"echo 'deb http://deb.debian.org/debian {_BACKPORTS} main' >\"$1/etc/apt/sources.list.d/backports.list\""
)
_LIBRARIES = "usr/lib/x86_64-linux-gnu"
_FOLDERS = ("usr/sbin", "usr/bin")


class Toolbox:
    """Programs that run from a tree of unpacked Debian packages.

    :param root: the folder of the tree.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def command(self, program: str, *arguments: str) -> list[str]:
        """Return the command line that runs ``program``; it needs :attr:`env` in its environment."""
        path = next(path for folder in _FOLDERS if (path := self.root / folder / program).exists())
        loader = self.root / "usr/lib64/ld-linux-x86-64.so.2"
        return [str(loader), "--library-path", str(self.root / _LIBRARIES), str(path), *arguments]

    def qemu(self, arguments: Sequence[str]) -> list[str]:
        """Return the command line that runs QEMU for x86_64, with the toolbox's firmware."""
        share = self.root / "usr/share"
        firmware = ["-L", str(share / "qemu"), "-L", str(share / "seabios")]
        return self.command("qemu-system-x86_64", *firmware, *arguments)

    @property
    def env(self) -> dict[str, str]:
        """Environment variables that the programs need."""
        return {
            "QEMU_MODULE_DIR": str(self.root / _LIBRARIES / "qemu"),
            "MKE2FS_CONFIG": str(self.root / "etc/mke2fs.conf"),
            # Huge pages, as the table in which QEMU looks up translated code takes a hundred megabytes.
            "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
        }

    @property
    def grub(self) -> Path:
        """The folder with GRUB's modules for a PC with a BIOS."""
        return self.root / "usr/lib/grub/i386-pc"


def ensure_toolbox(progress: Progress) -> Toolbox:
    """Return the toolbox; it is made first unless the cache has it, which takes about 7 s and 210 MB.

    :param progress: told each step of making it.
    :return: the toolbox in the cache.
    :raises LabError: its packages cannot be fetched, or there is no room for them.
    """
    target = toolbox_folder()
    label = "toolbox (QEMU and disk tools)"
    if not target.is_dir():
        with locked(target.with_name(f".{target.name}.lock"), label, progress):
            if not target.is_dir():  # another run may have made it meanwhile
                _make(target, label, progress)
    return Toolbox(target)


def toolbox_folder() -> Path:
    """Return the folder in the cache that has the toolbox once it is made."""
    key = hashlib.sha256(" ".join((SUITE, *TOOLBOX_PACKAGES)).encode()).hexdigest()[:12]
    return cache_dir() / "toolbox" / f"{SUITE}-{key}"


def _make(target: Path, label: str, progress: Progress) -> None:
    require_free_space(target.parent, 1, label)
    progress(f"{label}: unpacking Debian packages")
    with scratch_folder(target) as scratch:
        tree, tar = scratch / "tree", scratch / "tree.tar"
        tree.mkdir()
        mmdebstrap(
            SUITE,
            tar,
            variant="extract",
            packages=TOOLBOX_PACKAGES,
            options=[_ADD_BACKPORTS],
            log=target.with_name("build.log"),
            label=label,
            progress=progress,
        )
        # Device files would need root, and the programs do not need them in the tree.
        run(["tar", "-C", str(tree), "--exclude=./dev", "--no-same-owner", "-xf", str(tar)])
        tree.replace(target)
