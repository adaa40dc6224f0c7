"""Build an image once for each edition, into the cache, with a manifest beside it."""

from collections.abc import Callable
from pathlib import Path

from minetlab.images.cache import checksum_file, images_folder, locked, make_once
from minetlab.images.edition import Edition
from minetlab.images.editions import known_edition, record_edition
from minetlab.images.manifest import ImageManifest, manifest_file, read_manifest, stem
from minetlab.images.mirror import present_edition
from minetlab.images.recipe import ImageRecipe
from minetlab.util.progress import Progress

MakeImage = Callable[[ImageRecipe, Edition, Path, Path, Progress], ImageManifest]
"""Makes an image in the file of the first path; the second one is an empty scratch folder."""


def build_image(
    recipe: ImageRecipe, suffix: str, make: MakeImage, progress: Progress, edition: Edition | None = None
) -> Path:
    """Return the file of an image; it is made first unless the cache has it intact.

    :param recipe: the image's recipe.
    :param suffix: of the file.
    :param make: makes it.
    :param progress: told each step of a build.
    :param edition: the state of the mirror to build it from; None: the one that is known for the recipe and
        cached, or else the present one, which is recorded as soon as the image is made.
    :return: the file in the cache.
    :raises LabError: it cannot be made.
    """
    label = f"{recipe.name} image"
    # Locked by recipe: two runs that find an image missing must not choose an edition each.
    with locked(images_folder() / f".{recipe.file_stem}{suffix}.lock", label, progress):
        chosen = edition or _cached_edition(image_file(recipe, suffix)) or present_edition(recipe.suite)
        target = image_file(recipe, suffix, chosen)
        if read_manifest(target) is None:
            checksum_file(target).unlink(missing_ok=True)  # so that it is made again, with a manifest

        def write(image: Path, scratch: Path) -> None:
            manifest = make(recipe, chosen, image, scratch, progress)
            manifest_file(target).write_text(manifest.model_dump_json(indent=2))

        make_once(target, write, label, progress)
        known = known_edition(recipe)
        if edition is None and (known is None or known.edition != chosen):
            manifest = read_manifest(target)
            record_edition(recipe, chosen, manifest.built if manifest else None)
    return target


def image_file(recipe: ImageRecipe, suffix: str, edition: Edition | None = None) -> Path:
    """Return the file in the cache that has an image once it is built.

    :param recipe: the image's recipe.
    :param suffix: of the file.
    :param edition: the state of the mirror that it is built from; None: the one that is known for the recipe,
        or else the newest that is cached.
    :return: the file; of a recipe that was not built yet, one that does not exist.
    """
    if edition is None:
        known = known_edition(recipe)
        edition = known.edition if known else _newest_cached(recipe, suffix)
    return images_folder() / f"{recipe.file_stem}{f'-{edition.id}' if edition else ''}{suffix}"


def log_of(image: Path) -> Path:
    """Return the file in the cache that has the build log of ``image``, a disk or a root file system."""
    return images_folder() / f"{stem(image)}.log"


def is_cached(image: Path) -> bool:
    """Return whether the cache has an image; its content is verified only at its use."""
    return image.exists() and checksum_file(image).exists()


def _cached_edition(image: Path) -> Edition | None:
    manifest = read_manifest(image) if is_cached(image) else None
    return manifest.edition if manifest else None


def _newest_cached(recipe: ImageRecipe, suffix: str) -> Edition | None:
    """Return the newest edition of a recipe in the cache, which another user of the cache has built."""
    images = images_folder().glob(f"{recipe.file_stem}-*{suffix}")
    editions = [edition for image in images if (edition := _cached_edition(image))]
    return max(editions, key=lambda edition: edition.date, default=None)
