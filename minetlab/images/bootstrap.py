"""Install the Debian of a recipe into a root file system; of one edition, it always has one content."""

import io
import shlex
import tarfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from minetlab.images.cache import require_free_space
from minetlab.images.edition import Edition, read_edition
from minetlab.images.manifest import (
    PACKAGES_FORMAT,
    ImageManifest,
    Package,
    read_manifest,
    read_packages,
)
from minetlab.images.mmdebstrap import mmdebstrap
from minetlab.images.recipe import ImageFile, ImageRecipe, RootfsArchive
from minetlab.util.errors import LabError
from minetlab.util.progress import Progress

BUILD_GIB = 5
"""Free disk that a build needs, in GiB."""
_SHOWFORMAT = f"--showformat={shlex.quote(PACKAGES_FORMAT)}"
BuildArchive = Callable[[ImageRecipe], Path]
"""Builds the root file system of another image, and returns its file."""


def bootstrap(
    recipe: ImageRecipe,
    edition: Edition,
    tar: Path,
    *,
    log: Path,
    boot_files: tuple[ImageFile, ...],
    build_archive: BuildArchive,
    progress: Progress,
) -> ImageManifest:
    """Make a root file system of a recipe, and read which packages are in it.

    :param recipe: the recipe.
    :param edition: the state of the mirror to build from.
    :param tar: the file to write.
    :param log: the file for the output of programs; its former content is lost.
    :param boot_files: files to put in beside those of the recipe.
    :param build_archive: builds other images that are put in as archives.
    :param progress: told each step.
    :return: the manifest of what was made.
    :raises LabError: the mirror has another edition by now, mmdebstrap fails, or there is no room.
    """
    archives = {archive: build_archive(archive.recipe) for archive in recipe.archives}
    step = f"{recipe.name} image: installing Debian {recipe.suite}"
    require_free_space(tar.parent, BUILD_GIB, step)
    progress(step)
    files, releases, packages = (tar.with_name(name) for name in ("files.tar", "releases", "packages"))
    write_files(files, (*boot_files, *recipe.files))
    log.unlink(missing_ok=True)
    hooks = (f'--customize-hook=chroot "$1" sh -euc {shlex.quote(hook)}' for hook in recipe.hooks)
    mmdebstrap(
        recipe.suite,
        tar,
        variant="minbase",
        packages=recipe.packages,
        options=[
            f"--essential-hook=tar-in {shlex.quote(str(files))} /",
            *_bring_out('cat "$1"/var/lib/apt/lists/*_InRelease', releases),
            *_put_in(archives),
            *hooks,
            *_bring_out(f'chroot "$1" dpkg-query --show {_SHOWFORMAT}', packages),
            *_finish(recipe, edition),
        ],
        log=log,
        label=step,
        progress=progress,
        epoch=edition.epoch,
    )
    _require_same(edition, releases, recipe)
    return ImageManifest(
        name=recipe.name,
        recipe=recipe.digest,
        suite=recipe.suite,
        built=datetime.now(UTC),
        edition=edition,
        packages=read_packages(packages.read_text()),
        archives={archive.recipe.name: _packages_of(file) for archive, file in archives.items()},
    )


def _bring_out(command: str, file: Path) -> Iterator[str]:
    """Yield mmdebstrap's hooks that write to a file outside what a command prints; ``$1`` is the new root."""
    yield f'--customize-hook={command} >"$1/tmp/brought-out"'
    yield f"--customize-hook=download /tmp/brought-out {shlex.quote(str(file))}"


def _put_in(archives: Mapping[RootfsArchive, Path]) -> Iterator[str]:
    for archive, file in archives.items():
        yield f'--customize-hook=mkdir -p "$1"{shlex.quote(str(Path(archive.path).parent))}'
        yield f"--customize-hook=upload {shlex.quote(str(file))} {shlex.quote(archive.path)}"


def _finish(recipe: ImageRecipe, edition: Edition) -> Iterator[str]:
    # os-release(5) has these fields for a system that was installed as one image.
    fields = f"IMAGE_ID={recipe.name}\nIMAGE_VERSION={edition.id}\n"
    yield f'--customize-hook=printf %s {shlex.quote(fields)} >>"$1/usr/lib/os-release"'
    # With these files, systemd takes /etc and /var for up to date, and the first boot skips ldconfig.
    yield '--customize-hook=touch "$1/etc/.updated" "$1/var/.updated"'
    # These settings are for the build only; without them, apt in the image behaves as in any Debian.
    yield '--customize-hook=rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap"'
    yield "--dpkgopt=force-confold"


def _require_same(edition: Edition, releases: Path, recipe: ImageRecipe) -> None:
    """Refuse an image that was made of other packages than its edition says."""
    begin = "-----BEGIN PGP SIGNED MESSAGE-----"
    used = read_edition(releases.read_text().split(begin)[1:])
    if used != edition:
        raise LabError(
            f"Debian's mirror does not have {edition.title} any more: {recipe.name} was made of {used.title}",
            next_step="run the same command again",
        )


def _packages_of(image: Path) -> tuple[Package, ...]:
    manifest = read_manifest(image)
    return manifest.packages if manifest else ()


def write_files(tar: Path, files: tuple[ImageFile, ...]) -> None:
    """Write files to a tar archive in which root owns them."""
    with tarfile.open(tar, "w") as archive:
        for file in files:
            content = file.content.encode()
            member = tarfile.TarInfo(f".{file.path}")
            member.size, member.mode = len(content), file.mode
            archive.addfile(member, io.BytesIO(content))
