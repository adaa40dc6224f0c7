"""Build root file systems, and disks that a PC with a BIOS boots, from recipes; needs no root or loop device.

A disk has one ext4 partition, which starts at 1 MiB; mkfs.ext4 fills it from a tar file. GRUB's first stage
is in sector 0, and loads the second stage from the sectors that follow: this is the default of both stages
(GRUB 2.12, ``boot.S`` and ``diskboot.S``).
"""

import struct
import uuid
from collections.abc import Iterable
from pathlib import Path

from minetlab.images.bootstrap import bootstrap
from minetlab.images.build import build_image, image_file, log_of
from minetlab.images.edition import Edition
from minetlab.images.manifest import ImageManifest
from minetlab.images.recipe import EMULATED_FAMILY, ImageFile, ImageRecipe
from minetlab.images.toolbox import Toolbox, ensure_toolbox
from minetlab.util.process import run, run_logged
from minetlab.util.progress import Progress

SECTOR = 512
PARTITION_START = 2**20
_DISK, _ROOTFS = ".qcow2", ".tar.gz"
GRUB_MODULES = ("biosdisk", "part_msdos", "ext2", "linux", "linux16", "normal", "configfile")
EMULATION_MODULES = ("smbios", "test")
"""GRUB's modules for what is different where the machine is emulated."""

# The family is a string of the system's table whose number is at offset 26 (SMBIOS specification, type 1).
_IF_EMULATED = """\
smbios --type 1 --get-string 26 --set family
if [ "$family" = "{family}" ]; then
    set more="{arguments}"
fi
"""

# A small initramfs is read faster: it has only what is needed to mount the root file system of this disk.
_INITRAMFS = (
    ImageFile(path="/etc/initramfs-tools/conf.d/minet-lab", content="MODULES=list\nCOMPRESS=zstd\n"),
    ImageFile(
        path="/usr/share/initramfs-tools/modules.d/minet-lab", content="virtio_pci\nvirtio_blk\next4\n"
    ),
    ImageFile(
        path="/etc/initramfs-tools/hooks/minet-lab",
        # hwdb.bin has the names of hardware, 13 MB of them; virtual machines have none of it.
        content="""#!/bin/sh
[ "$1" = prereqs ] && { echo udev; exit; }
rm -f "$DESTDIR/usr/lib/udev/hwdb.bin"
""",
        mode=0o755,
    ),
)


def build_disk(recipe: ImageRecipe, progress: Progress, edition: Edition | None = None) -> Path:
    """Return the bootable qcow2 disk of a recipe; it is built first unless the cache has it intact.

    :param recipe: what is on the disk.
    :param progress: told each step of a build.
    :param edition: the state of the mirror to build it from; None: as it is known for the recipe.
    :return: the file in the cache.
    :raises LabError: mmdebstrap cannot run on this machine or fails, or there is no room.
    """
    return build_image(recipe, _DISK, _make_disk, progress, edition)


def build_rootfs(recipe: ImageRecipe, progress: Progress, edition: Edition | None = None) -> Path:
    """Return the root file system of a recipe as a tar file, compressed for the transfer to the hosts.

    It is built first unless the cache has it intact. It is compressed with gzip, which every Docker reads.

    :param recipe: what is in the root file system.
    :param progress: told each step of a build.
    :param edition: the state of the mirror to build it from; None: as it is known for the recipe.
    :return: the file in the cache.
    :raises LabError: mmdebstrap cannot run on this machine or fails, or there is no room.
    """
    return build_image(recipe, _ROOTFS, _make_rootfs, progress, edition)


def disk_file(recipe: ImageRecipe) -> Path:
    """Return the file in the cache that has the disk of a recipe, of its known edition, once it is built."""
    return image_file(recipe, _DISK)


def rootfs_file(recipe: ImageRecipe) -> Path:
    """Return the file in the cache that has the root file system of a recipe, as :func:`disk_file`."""
    return image_file(recipe, _ROOTFS)


def _make_disk(
    recipe: ImageRecipe, edition: Edition, disk: Path, scratch: Path, progress: Progress
) -> ImageManifest:
    toolbox = ensure_toolbox(progress)
    tar = scratch / "rootfs.tar"
    manifest = _bootstrap(recipe, edition, tar, progress, boot_files=_boot_files(recipe))
    raw = scratch / "disk.raw"
    _format(toolbox, raw, tar, recipe, edition)
    tar.unlink()
    modules = (*GRUB_MODULES, *(EMULATION_MODULES if recipe.emulated_arguments else ()))
    _install_boot_loader(toolbox, raw, scratch, modules)
    # Not with -W: the order of the clusters would depend on which was compressed first.
    compress = ["-c", "-o", "compression_type=zstd"]
    run_logged(
        toolbox.command("qemu-img", "convert", "-O", "qcow2", *compress, str(raw), str(disk)),
        log_of(disk),
        f"{recipe.name} image: compressing",
        progress,
        env=toolbox.env,
    )
    return manifest


def _make_rootfs(
    recipe: ImageRecipe, edition: Edition, tar: Path, _scratch: Path, progress: Progress
) -> ImageManifest:
    return _bootstrap(recipe, edition, tar, progress)


def _bootstrap(
    recipe: ImageRecipe,
    edition: Edition,
    tar: Path,
    progress: Progress,
    *,
    boot_files: tuple[ImageFile, ...] = (),
) -> ImageManifest:
    """Install a recipe's system; images that are put into it are of the same edition."""
    return bootstrap(
        recipe,
        edition,
        tar,
        log=log_of(image_file(recipe, _ROOTFS, edition)),
        boot_files=boot_files,
        build_archive=lambda archive: build_rootfs(archive, progress, edition),
        progress=progress,
    )


def _boot_files(recipe: ImageRecipe) -> tuple[ImageFile, ...]:
    root_uuid = _root_uuid(recipe)
    # In Debian, /vmlinuz and /initrd.img are links to the newest kernel that is installed.
    linux = f"{recipe.grub_command} /vmlinuz root=UUID={root_uuid} ro {recipe.kernel_arguments}"
    choice = ""
    if recipe.emulated_arguments:
        choice = _IF_EMULATED.format(family=EMULATED_FAMILY, arguments=recipe.emulated_arguments)
        linux += " $more"
    initrd = recipe.grub_command.replace("linux", "initrd")
    fstab = f"UUID={root_uuid} / ext4 errors=remount-ro 0 0\n"
    return (
        ImageFile(path="/etc/fstab", content=fstab),
        *_INITRAMFS,
        ImageFile(path="/boot/grub/grub.cfg", content=f"{choice}{linux}\n{initrd} /initrd.img\nboot\n"),
    )


def _root_uuid(recipe: ImageRecipe) -> str:
    return str(uuid.UUID(recipe.digest[:32]))


def _format(toolbox: Toolbox, raw: Path, tar: Path, recipe: ImageRecipe, edition: Edition) -> None:
    size, root_uuid = recipe.disk_gib * 2**30, _root_uuid(recipe)
    with raw.open("wb") as disk:
        disk.truncate(size)
    extended = f"offset={PARTITION_START},lazy_itable_init=1,assume_storage_prezeroed=1,root_owner=0:0"
    extended += f",hash_seed={root_uuid}"
    command = toolbox.command("mkfs.ext4", "-q", "-F", "-U", root_uuid, "-m", "1", "-E", extended)
    blocks = (size - PARTITION_START) // 4096
    env = {**toolbox.env, "SOURCE_DATE_EPOCH": str(edition.epoch)}
    run([*command, "-b", "4096", "-d", str(tar), str(raw), str(blocks)], env=env, limit=900)


def _install_boot_loader(toolbox: Toolbox, raw: Path, scratch: Path, modules: Iterable[str]) -> None:
    core = scratch / "core.img"
    options = ["--format=i386-pc", f"--directory={toolbox.grub}", f"--output={core}"]
    options.append("--prefix=(hd0,msdos1)/boot/grub")
    run(toolbox.command("grub-mkimage", *options, *modules), env=toolbox.env)
    second_stage = core.read_bytes()
    if SECTOR + len(second_stage) > PARTITION_START:
        raise ValueError(f"GRUB's second stage, {len(second_stage)} bytes, does not fit before the partition")
    size = raw.stat().st_size
    with raw.open("r+b") as disk:
        disk.write(boot_record((toolbox.grub / "boot.img").read_bytes(), size) + second_stage)


def boot_record(first_stage: bytes, disk_size: int) -> bytes:
    """Return sector 0 of a disk: GRUB's first stage, and a partition table.

    The table has one active Linux partition, from :data:`PARTITION_START` to the end of the disk.

    :param first_stage: GRUB's ``boot.img``; its first 440 bytes are code.
    :param disk_size: the size of the disk in bytes.
    :return: 512 bytes.
    """
    start = PARTITION_START // SECTOR
    # fe ff ff as cylinder, head and sector stands for an address too high for these fields.
    entry = struct.pack(
        "<B3sB3sII", 0x80, b"\xfe\xff\xff", 0x83, b"\xfe\xff\xff", start, disk_size // SECTOR - start
    )
    return first_stage[:440].ljust(446, b"\0") + entry.ljust(64, b"\0") + b"\x55\xaa"
