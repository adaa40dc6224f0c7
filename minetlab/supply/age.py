"""How old the images of a lab are, and which newer packages other images are known to have."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from minetlab.images.editions import known_edition
from minetlab.images.manifest import ImageManifest
from minetlab.supply.lab_images import LabImage

FRESH = timedelta(days=30)
"""How long ago Debian's mirror may have been asked for newer packages."""


@dataclass(frozen=True)
class ImageAges:
    """The ages of a lab's images.

    :param dates: by the name of each image that was built, the day of the mirror's state that it is made of.
    :param stale: the names of the images for which the mirror was not asked for longer than :data:`FRESH`.
    :param outdated: the names of the images with packages of which another image has a newer version.
    """

    dates: dict[str, datetime]
    stale: tuple[str, ...]
    outdated: tuple[str, ...]


def ages(images: Iterable[LabImage], now: datetime) -> ImageAges:
    """Look into the cache for the ages of images; the mirror is not asked.

    :param images: the images.
    :param now: the present time.
    :return: the ages.
    :raises LabError: the file of editions cannot be read.
    """
    known = {image: edition for image in images if (edition := known_edition(image.recipe))}
    manifests = [manifest for image in known if (manifest := image.manifest)]
    return ImageAges(
        dates={image.name: edition.edition.date for image, edition in known.items()},
        stale=tuple(image.name for image, edition in known.items() if now - edition.seen > FRESH),
        outdated=tuple(outdated(manifests)),
    )


def outdated(manifests: Iterable[ImageManifest]) -> Iterable[str]:
    """Yield the names of images with a package that an image of a later edition has in another version.

    :param manifests: the manifests of all images.
    :yields: the names, those of the latest editions last.
    """
    by_date = sorted(manifests, key=lambda manifest: manifest.edition.date)
    newest = {
        (manifest.suite, package.name): (manifest.edition.date, package.version)
        for manifest in by_date
        for package in manifest.packages
    }
    for manifest in by_date:
        for package in manifest.packages:
            date, version = newest[manifest.suite, package.name]
            if date > manifest.edition.date and version != package.version:
                yield manifest.name
                break
