"""From a recipe to a root file system, and to a disk that a PC with a BIOS boots: no root, no loop device.

The disk has one partition, which starts at 1 MiB: ext4, filled from the tar file by mkfs.ext4 itself. GRUB's
first stage is in sector 0; it loads the second stage from the sectors behind, as both are made to do when
nobody tells them otherwise (GRUB 2.12, ``boot.S`` and ``diskboot.S``).
"""

import io
import shlex
import struct
import tarfile
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

from minetlab.images.cache import make_once, require_free_space
from minetlab.images.mmdebstrap import mmdebstrap
from minetlab.images.recipe import ImageFile, ImageRecipe
from minetlab.images.toolbox import Toolbox, ensure_toolbox
from minetlab.util.paths import cache_dir
from minetlab.util.process import run, run_logged
from minetlab.util.progress import Progress

SECTOR = 512
PARTITION_START = 2**20
BUILD_GIB = 5
"""Free disk that a build wants."""
GRUB_MODULES = ("biosdisk", "part_msdos", "ext2", "linux", "linux16", "normal", "configfile")

# A small initramfs, quickly read: what it takes to mount the root file system here, and no more.
_INITRAMFS = (
    ImageFile(path="/etc/initramfs-tools/conf.d/minet-lab", content="MODULES=list\nCOMPRESS=zstd\n"),
    ImageFile(
        path="/usr/share/initramfs-tools/modules.d/minet-lab", content="virtio_pci\nvirtio_blk\next4\n"
    ),
    ImageFile(
        path="/etc/initramfs-tools/hooks/minet-lab",
        # Names of hardware that no virtual machine has, 13 MB of them.
        content="""#!/bin/sh
[ "$1" = prereqs ] && { echo udev; exit; }
rm -f "$DESTDIR/usr/lib/udev/hwdb.bin"
""",
        mode=0o755,
    ),
)


def build_disk(recipe: ImageRecipe, progress: Progress) -> Path:
    """Return the bootable qcow2 disk of a recipe, made first unless the cache has it intact.

    :raises LabError: mmdebstrap cannot run here or failed, or there is no room.
    """

    def make(disk: Path, scratch: Path) -> None:
        toolbox = ensure_toolbox(progress)
        root_uuid = str(uuid.UUID(recipe.digest[:32]))
        tar = scratch / "rootfs.tar"
        archives = {each.path: build_rootfs(each.recipe, progress) for each in recipe.archives}
        _bootstrap(recipe, _boot_files(recipe, root_uuid), archives, tar, progress)
        raw = scratch / "disk.raw"
        _format(toolbox, raw, recipe.disk_gib * 2**30, root_uuid, tar)
        tar.unlink()
        _install_boot_loader(toolbox, raw, scratch)
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
    """Return the root file system of a recipe as a tar file, compressed for its way to the hosts.

    It is made first unless the cache has it intact. By gzip, as every Docker reads that.

    :raises LabError: mmdebstrap cannot run here or failed, or there is no room.
    """

    def make(tar: Path, scratch: Path) -> None:
        _bootstrap(recipe, (), {}, tar, progress)

    return make_once(rootfs_file(recipe), make, f"{recipe.name} root file system", progress)


def disk_file(recipe: ImageRecipe) -> Path:
    """Where the cache has the disk of a recipe, once it is built."""
    return _images() / f"{recipe.file_stem}.qcow2"


def rootfs_file(recipe: ImageRecipe) -> Path:
    """Where the cache has the root file system of a recipe, once it is built."""
    return _images() / f"{recipe.file_stem}.tar.gz"


def _images() -> Path:
    folder = cache_dir() / "images"
    folder.mkdir(exist_ok=True)
    return folder


def log_of(image: Path) -> Path:
    """Where the cache has the log of how an image was built, a disk or a root file system."""
    return image.with_name(f"{image.name.removesuffix('.qcow2').removesuffix('.tar.gz')}.log")


def _bootstrap(
    recipe: ImageRecipe,
    boot_files: tuple[ImageFile, ...],
    archives: Mapping[str, Path],
    tar: Path,
    progress: Progress,
) -> None:
    what = f"{recipe.name} image: installing Debian {recipe.suite}"
    require_free_space(tar.parent, BUILD_GIB, what)
    progress(what)
    files = tar.with_name("files.tar")
    write_files(files, (*boot_files, *recipe.files))
    log = log_of(rootfs_file(recipe))
    log.unlink(missing_ok=True)
    in_chroot = (f'--customize-hook=chroot "$1" sh -euc {shlex.quote(hook)}' for hook in recipe.hooks)
    options = [
        f"--essential-hook=tar-in {shlex.quote(str(files))} /",
        *_uploads(archives),
        *in_chroot,
        # Nothing in /usr is newer than the image: spares the first boot ldconfig and the like.
        '--customize-hook=touch "$1/etc/.updated" "$1/var/.updated"',
        # It holds what was right for the build only: without it apt behaves in the image as Debian's does.
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
        what=what,
        progress=progress,
    )


def _uploads(archives: Mapping[str, Path]) -> Iterator[str]:
    """The hooks that put these files of ours into the image, by the path that each gets there."""
    for path, archive in archives.items():
        folder = shlex.quote(str(Path(path).parent))
        yield f'--customize-hook=mkdir -p "$1"{folder}'
        yield f"--customize-hook=upload {shlex.quote(str(archive))} {shlex.quote(path)}"


def write_files(tar: Path, files: tuple[ImageFile, ...]) -> None:
    """Write files to a tar archive, owned by root whoever we are."""
    with tarfile.open(tar, "w") as archive:
        for file in files:
            content = file.content.encode()
            member = tarfile.TarInfo(f".{file.path}")
            member.size, member.mode = len(content), file.mode
            archive.addfile(member, io.BytesIO(content))


def _boot_files(recipe: ImageRecipe, root_uuid: str) -> tuple[ImageFile, ...]:
    # Debian keeps /vmlinuz and /initrd.img pointing to the newest kernel that is installed.
    linux = f"{recipe.grub_command} /vmlinuz root=UUID={root_uuid} ro {recipe.kernel_arguments}"
    initrd = recipe.grub_command.replace("linux", "initrd")
    fstab = f"UUID={root_uuid} / ext4 errors=remount-ro 0 0\n"
    return (
        ImageFile(path="/etc/fstab", content=fstab),
        *_INITRAMFS,
        ImageFile(path="/boot/grub/grub.cfg", content=f"{linux}\n{initrd} /initrd.img\nboot\n"),
    )


def _format(toolbox: Toolbox, raw: Path, size: int, root_uuid: str, tar: Path) -> None:
    with raw.open("wb") as disk:
        disk.truncate(size)
    extended = f"offset={PARTITION_START},lazy_itable_init=1,assume_storage_prezeroed=1,root_owner=0:0"
    command = toolbox.command("mkfs.ext4", "-q", "-F", "-U", root_uuid, "-m", "1", "-E", extended)
    blocks = (size - PARTITION_START) // 4096
    run([*command, "-b", "4096", "-d", str(tar), str(raw), str(blocks)], env=toolbox.env, limit=900)


def _install_boot_loader(toolbox: Toolbox, raw: Path, scratch: Path) -> None:
    core = scratch / "core.img"
    where = ["--format=i386-pc", f"--directory={toolbox.grub}", f"--output={core}"]
    prefix = "--prefix=(hd0,msdos1)/boot/grub"
    run(toolbox.command("grub-mkimage", *where, prefix, *GRUB_MODULES), env=toolbox.env)
    second_stage = core.read_bytes()
    if SECTOR + len(second_stage) > PARTITION_START:
        raise ValueError(f"GRUB's second stage, {len(second_stage)} bytes, does not fit before the partition")
    size = raw.stat().st_size
    with raw.open("r+b") as disk:
        disk.write(boot_record((toolbox.grub / "boot.img").read_bytes(), size) + second_stage)


def boot_record(first_stage: bytes, disk_size: int) -> bytes:
    """Sector 0 of a disk: GRUB's first stage, and one active Linux partition that takes all the rest.

    :param first_stage: GRUB's ``boot.img``; its first 440 bytes are code.
    :param disk_size: in bytes.
    """
    start = PARTITION_START // SECTOR
    # 0xfeffff is the cylinder, head and sector of whatever lies beyond what those can say.
    entry = struct.pack(
        "<B3sB3sII", 0x80, b"\xfe\xff\xff", 0x83, b"\xfe\xff\xff", start, disk_size // SECTOR - start
    )
    return first_stage[:440].ljust(446, b"\0") + entry.ljust(64, b"\0") + b"\x55\xaa"
