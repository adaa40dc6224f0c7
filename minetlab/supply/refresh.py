"""Build the images of a lab anew where Debian's mirror has newer packages for them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from minetlab.images.edition import Edition
from minetlab.images.editions import KnownEdition, known_edition, record_edition
from minetlab.images.manifest import changed_packages, read_manifest
from minetlab.images.mirror import present_edition
from minetlab.supply.lab_images import LabImage
from minetlab.util.progress import Progress


@dataclass(frozen=True)
class Refreshed:
    """What became of one image.

    :param image: the image.
    :param edition: the edition that it has now; None if it was not built yet, which the deploy does.
    :param is_new: whether it has this edition only now.
    :param changes: a line for each package that has changed; empty if the former packages are not known.
    """

    image: LabImage
    edition: Edition | None
    is_new: bool = False
    changes: tuple[str, ...] = ()


def refresh(images: Iterable[LabImage], progress: Progress) -> Iterator[Refreshed]:
    """Ask the mirror once for each Debian release, and build what it has newer packages for.

    :param images: the images.
    :param progress: told each step of a build.
    :yields: what became of each image, as soon as it is known.
    :raises LabError: the mirror does not answer, or an image cannot be built.
    """
    present: dict[str, Edition] = {}
    for image in images:
        known = known_edition(image.recipe)
        if known is None:
            yield Refreshed(image, None)
            continue
        suite = image.recipe.suite
        if suite not in present:
            present[suite] = present_edition(suite)
        yield _refresh(image, known, present[suite], progress)


def _refresh(image: LabImage, known: KnownEdition, present: Edition, progress: Progress) -> Refreshed:
    old = image.manifest
    if old and known.edition.has_the_packages_of(present):
        record_edition(image.recipe, known.edition)
        return Refreshed(image, known.edition)
    new = read_manifest(image.build(present, progress))
    changes = tuple(changed_packages(old, new)) if old and new else ()
    if old and not changes:
        # None of the mirror's newer packages is in this image: its name stays, and so do containers.
        record_edition(image.recipe, known.edition)
        return Refreshed(image, known.edition)
    record_edition(image.recipe, present)
    return Refreshed(image, present, is_new=known.edition != present, changes=changes)
