"""Build root file systems, and disks that a PC with a BIOS boots, from recipes; needs no root or loop device.

A disk has one ext4 partition, which starts at 1 MiB; mkfs.ext4 fills it from a tar file. GRUB's first stage
is in sector 0, and loads the second stage from the sectors that follow: this is the default of both stages
(GRUB 2.12, ``boot.S`` and ``diskboot.S``).
"""

import io
import shlex
import struct
import tarfile
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

from minetlab.images.cache import images_folder, make_once, require_free_space
from minetlab.images.mmdebstrap import mmdebstrap
from minetlab.images.recipe import EMULATED_FAMILY, ImageFile, ImageRecipe
from minetlab.images.toolbox import Toolbox, ensure_toolbox
from minetlab.util.process import run, run_logged
from minetlab.util.progress import Progress

SECTOR = 512
PARTITION_START = 2**20
BUILD_GIB = 5
"""Free disk that a build needs, in GiB."""
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


def build_disk(recipe: ImageRecipe, progress: Progress) -> Path:
    """Return the bootable qcow2 disk of a recipe; it is built first unless the cache has it intact.

    :param recipe: what is on the disk.
    :param progress: told each step of a build.
    :return: the file in the cache.
    :raises LabError: mmdebstrap cannot run on this machine or fails, or there is no room.
    """

    def make(disk: Path, scratch: Path) -> None:
        toolbox = ensure_toolbox(progress)
        root_uuid = str(uuid.UUID(recipe.digest[:32]))
        tar = scratch / "rootfs.tar"
        _bootstrap(recipe, _boot_files(recipe, root_uuid), tar, progress)
        raw = scratch / "disk.raw"
        _format(toolbox, raw, recipe.disk_gib * 2**30, root_uuid, tar)
        tar.unlink()
        modules = (*GRUB_MODULES, *(EMULATION_MODULES if recipe.emulated_arguments else ()))
        _install_boot_loader(toolbox, raw, scratch, modules)
        compress = ["-c", "-o", "compression_type=zstd", "-W", "-m", "4"]
        run_logged(
            toolbox.command("qemu-img", "convert", "-O", "qcow2", *compress, str(raw), str(disk)),
            log_of(disk_file(recipe)),
            f"{recipe.name} image: compressing",
            progress,
            env=toolbox.env,
        )

    return make_once(disk_file(recipe), make, f"{recipe.name} image", progress)


def build_rootfs(recipe: ImageRecipe, progress: Progress) -> Path:
    """Return the root file system of a recipe as a tar file, compressed for the transfer to the hosts.

    It is built first unless the cache has it intact. It is compressed with gzip, which every Docker reads.

    :param recipe: what is in the root file system.
    :param progress: told each step of a build.
    :return: the file in the cache.
    :raises LabError: mmdebstrap cannot run on this machine or fails, or there is no room.
    """

    def make(tar: Path, scratch: Path) -> None:
        _bootstrap(recipe, (), tar, progress)

    return make_once(rootfs_file(recipe), make, f"{recipe.name} root file system", progress)


def disk_file(recipe: ImageRecipe) -> Path:
    """Return the file in the cache that has the disk of a recipe once it is built."""
    return images_folder() / f"{recipe.file_stem}.qcow2"


def rootfs_file(recipe: ImageRecipe) -> Path:
    """Return the file in the cache that has the root file system of a recipe once it is built."""
    return images_folder() / f"{recipe.file_stem}.tar.gz"


def log_of(image: Path) -> Path:
    """Return the file in the cache that has the build log of ``image``, a disk or a root file system."""
    return image.with_name(f"{image.name.removesuffix('.qcow2').removesuffix('.tar.gz')}.log")


def _bootstrap(recipe: ImageRecipe, boot_files: tuple[ImageFile, ...], tar: Path, progress: Progress) -> None:
    uploads = list(_upload_hooks(recipe, progress))
    step = f"{recipe.name} image: installing Debian {recipe.suite}"
    require_free_space(tar.parent, BUILD_GIB, step)
    progress(step)
    files = tar.with_name("files.tar")
    write_files(files, (*boot_files, *recipe.files))
    log = log_of(rootfs_file(recipe))
    log.unlink(missing_ok=True)
    hooks = (f'--customize-hook=chroot "$1" sh -euc {shlex.quote(hook)}' for hook in recipe.hooks)
    options = [
        f"--essential-hook=tar-in {shlex.quote(str(files))} /",
        *uploads,
        *hooks,
        # With these files, systemd takes /etc and /var for up to date, and the first boot skips ldconfig.
        '--customize-hook=touch "$1/etc/.updated" "$1/var/.updated"',
        # These settings are for the build only; without them, apt in the image behaves as in any Debian.
        '--customize-hook=rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap"',
        "--dpkgopt=force-confold",
    ]
    mmdebstrap(
        recipe.suite,
        tar,
        variant="minbase",
        packages=recipe.packages,
        options=options,
        log=log,
        label=step,
        progress=progress,
    )


def _upload_hooks(recipe: ImageRecipe, progress: Progress) -> Iterator[str]:
    """Build the archives of an image; yield mmdebstrap's hooks that put them into it."""
    for archive in recipe.archives:
        file = build_rootfs(archive.recipe, progress)
        yield f'--customize-hook=mkdir -p "$1"{shlex.quote(str(Path(archive.path).parent))}'
        yield f"--customize-hook=upload {shlex.quote(str(file))} {shlex.quote(archive.path)}"


def write_files(tar: Path, files: tuple[ImageFile, ...]) -> None:
    """Write files to a tar archive in which root owns them."""
    with tarfile.open(tar, "w") as archive:
        for file in files:
            content = file.content.encode()
            member = tarfile.TarInfo(f".{file.path}")
            member.size, member.mode = len(content), file.mode
            archive.addfile(member, io.BytesIO(content))


def _boot_files(recipe: ImageRecipe, root_uuid: str) -> tuple[ImageFile, ...]:
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


def _format(toolbox: Toolbox, raw: Path, size: int, root_uuid: str, tar: Path) -> None:
    with raw.open("wb") as disk:
        disk.truncate(size)
    extended = f"offset={PARTITION_START},lazy_itable_init=1,assume_storage_prezeroed=1,root_owner=0:0"
    command = toolbox.command("mkfs.ext4", "-q", "-F", "-U", root_uuid, "-m", "1", "-E", extended)
    blocks = (size - PARTITION_START) // 4096
    run([*command, "-b", "4096", "-d", str(tar), str(raw), str(blocks)], env=toolbox.env, limit=900)


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
