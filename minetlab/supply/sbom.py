"""The software bill of materials (SBOM) of an image, in CycloneDX's JSON."""

from collections.abc import Iterable, Iterator
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from minetlab.images.manifest import ImageManifest, Package
from minetlab.images.recipe import SUITES, Suite

_NAME = "minet-lab"
_DEBIAN = {suite: f"debian-{version}" for version, suite in SUITES.items()}


def sbom(manifest: ImageManifest, sha256: str, *, is_disk: bool) -> str:
    """Return the bill of materials of an image; of the same manifest and image, it is always the same.

    :param manifest: the image's manifest.
    :param sha256: the checksum of its file, in hexadecimal.
    :param is_disk: whether it is the disk of a machine, or else the root file system of containers.
    :return: CycloneDX 1.6, as JSON.
    """
    image = Component(
        name=manifest.name,
        bom_ref=manifest.name,
        type=ComponentType.OPERATING_SYSTEM if is_disk else ComponentType.CONTAINER,
        version=manifest.edition.id,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=sha256)],
        properties=_properties(manifest),
    )
    packages = list(_components(manifest.packages, manifest.suite, manifest.name))
    archives = [
        Component(
            name=name,
            bom_ref=f"{manifest.name}/{name}",
            type=ComponentType.CONTAINER,
            version=manifest.edition.id,
            components=_components(of_archive, manifest.suite, f"{manifest.name}/{name}"),
        )
        for name, of_archive in manifest.archives.items()
    ]
    bom = Bom(components=[*packages, *archives])
    bom.serial_number = uuid5(NAMESPACE_URL, f"{_NAME}:{manifest.name}:{sha256}")
    bom.metadata.timestamp = manifest.built
    bom.metadata.component = image
    bom.register_dependency(image, [*packages, *archives])
    return JsonV1Dot6(bom).output_as_string(indent=2)


def _properties(manifest: ImageManifest) -> Iterator[Property]:
    yield Property(name=f"{_NAME}:recipe", value=manifest.recipe)
    yield Property(name=f"{_NAME}:edition", value=manifest.edition.title)


def _components(packages: Iterable[Package], suite: Suite, parent: str) -> Iterator[Component]:
    for package in packages:
        yield Component(
            name=package.name,
            version=package.version,
            # One package can be in an image and in its archives, and a reference has to be unique.
            bom_ref=f"{parent}/{package.name}:{package.architecture}",
            type=ComponentType.LIBRARY,
            purl=_purl(package, suite),
        )


def _purl(package: Package, suite: Suite) -> PackageURL:
    qualifiers = {"arch": package.architecture, "distro": _DEBIAN[suite]}
    if (package.source, package.source_version) != (package.name, package.version):
        # Debian's security advisories name source packages.
        qualifiers["upstream"] = f"{package.source}@{package.source_version}"
    return PackageURL("deb", "debian", package.name, package.version, qualifiers)
