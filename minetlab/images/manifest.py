"""Manifests: beside each image that was built is a file that says of what, when, and from which edition."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel

from minetlab.images.edition import Edition
from minetlab.images.recipe import Suite

PACKAGES_FORMAT = (
    r"${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\n"
)
"""The ``--showformat`` of dpkg-query whose answer :func:`read_packages` reads."""


class Package(BaseModel, frozen=True):
    """A Debian package in an image.

    :param name: its name.
    :param version: its version.
    :param architecture: such as ``amd64`` or ``all``.
    :param source: the name of the source package that it was built from.
    :param source_version: the version of that.
    """

    name: str
    version: str
    architecture: str
    source: str
    source_version: str


class ImageManifest(BaseModel, frozen=True):
    """Of what an image was built, when, and from which state of the mirror.

    :param name: the name of its recipe.
    :param recipe: the digest of its recipe.
    :param suite: the code name of its Debian release.
    :param built: when it was built.
    :param edition: the state of the mirror that it was built from.
    :param packages: the packages that are installed in it, by name.
    :param archives: the packages of other images that it has as archives, by the names of their recipes.
    """

    name: str
    recipe: str
    suite: Suite
    built: datetime
    edition: Edition
    packages: tuple[Package, ...]
    archives: dict[str, tuple[Package, ...]] = {}

    def versions(self) -> dict[str, str]:
        """Return the version of each package; those of an archive have its name before theirs."""
        versions = {package.name: package.version for package in self.packages}
        for archive, packages in self.archives.items():
            versions |= {f"{archive}: {package.name}": package.version for package in packages}
        return versions


def manifest_file(image: Path) -> Path:
    """Return the file that has the manifest of ``image``, a disk or a root file system."""
    return image.with_name(f"{stem(image)}.json")


def stem(image: Path) -> str:
    """Return the name of an image's file without the suffix."""
    return image.name.removesuffix(".qcow2").removesuffix(".tar.gz")


def read_manifest(image: Path) -> ImageManifest | None:
    """Return the manifest of an image; None if it has none, or a damaged one."""
    try:
        return ImageManifest.model_validate_json(manifest_file(image).read_bytes())
    except (OSError, ValueError):
        return None


def read_packages(printed: str) -> tuple[Package, ...]:
    """Read what dpkg-query has printed in :data:`PACKAGES_FORMAT`.

    :param printed: a line for each package.
    :return: the packages that are installed, by name.
    """
    lines = (line.split("\t") for line in printed.splitlines())
    packages = (
        Package(name=name, version=version, architecture=architecture, source=source, source_version=origin)
        for status, name, version, architecture, source, origin in lines
        if status == "installed"
    )
    return tuple(sorted(packages, key=lambda package: (package.name, package.architecture)))


def changed_packages(old: ImageManifest, new: ImageManifest) -> Iterable[str]:
    """Yield a line for each package that differs between two builds, such as ``zlib1g: 1.2 → 1.3``."""
    before, after = old.versions(), new.versions()
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield f"{name}: {before.get(name, 'not there')} → {after.get(name, 'removed')}"
