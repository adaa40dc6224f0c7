"""Manifests of images that nobody has built, and builders that take no time."""

from collections.abc import Mapping
from pathlib import Path

from minetlab.images.build import image_file
from minetlab.images.cache import record_checksum
from minetlab.images.edition import Edition
from minetlab.images.editions import record_edition
from minetlab.images.manifest import ImageManifest, Package, manifest_file
from minetlab.images.recipe import ImageRecipe
from tests.support.mirror import FIRST, edition

RECIPE = ImageRecipe(name="base", suite="trixie", packages=("zsh",))


def manifest(
    versions: Mapping[str, str],
    of: Edition | None = None,
    recipe: ImageRecipe = RECIPE,
    archives: Mapping[str, Mapping[str, str]] | None = None,
) -> ImageManifest:
    """Return the manifest of an image with these packages, by name."""
    return ImageManifest(
        name=recipe.name,
        recipe=recipe.digest,
        suite=recipe.suite,
        built=FIRST.replace(day=20),
        edition=of or edition(),
        packages=packages(versions),
        archives={name: packages(inside) for name, inside in (archives or {}).items()},
    )


def packages(versions: Mapping[str, str]) -> tuple[Package, ...]:
    return tuple(
        Package(
            name=name, version=version, architecture="amd64", source=f"{name}-src", source_version=version
        )
        for name, version in sorted(versions.items())
    )


def put_into_cache(recipe: ImageRecipe, suffix: str, versions: Mapping[str, str], of: Edition) -> Path:
    """Have the cache have an image of an edition, which is known as that of the recipe."""
    image = image_file(recipe, suffix, of)
    image.write_text(f"{recipe.name} of {of.id}")
    record_checksum(image, image)
    manifest_file(image).write_text(manifest(versions, of, recipe).model_dump_json())
    record_edition(recipe, of, FIRST)
    return image
