"""Which edition an image is built from, and when it is built anew; building is left out."""

from pathlib import Path

import pytest

from minetlab.images.build import build_image, image_file, is_cached
from minetlab.images.cache import checksum_file
from minetlab.images.edition import Edition
from minetlab.images.editions import forget_editions, known_edition, record_edition
from minetlab.images.manifest import ImageManifest, manifest_file, read_manifest
from minetlab.images.recipe import ImageRecipe
from minetlab.util.errors import LabError
from minetlab.util.progress import Progress
from tests.support.images import RECIPE, manifest
from tests.support.mirror import FIRST, Mirror, edition

LATER = FIRST.replace(day=9)
pytestmark = pytest.mark.usefixtures("mirror")


def make(recipe: ImageRecipe, of: Edition, image: Path, scratch: Path, progress: Progress) -> ImageManifest:
    image.write_text(of.id)
    return manifest({"zlib1g": of.id}, of, recipe)


def build(of: Edition | None = None) -> Path:
    return build_image(RECIPE, ".tar.gz", make, print, of)


def known() -> Edition | None:
    found = known_edition(RECIPE)
    return found.edition if found else None


def test_an_image_has_its_edition_in_its_name_and_a_manifest_beside_it() -> None:
    image = build()
    assert image.name == f"{RECIPE.file_stem}-{edition().id}.tar.gz"
    assert image == image_file(RECIPE, ".tar.gz")
    assert is_cached(image)
    written = read_manifest(image)
    assert written
    assert (written.edition, written.recipe, known()) == (edition(), RECIPE.digest, edition())


def test_what_is_cached_stays_as_it_is_when_the_mirror_moves_on(mirror: Mirror) -> None:
    image = build()
    asked = mirror.asked
    mirror.publish(LATER, "fixes")
    assert build() == image
    mirror.fail()
    assert build() == image
    assert (mirror.asked, known()) == (asked, edition())


def test_another_user_of_the_cache_takes_the_newest_image_in_it(mirror: Mirror) -> None:
    build(edition())
    later = build(edition(LATER, "fixes"))
    assert known() is None
    mirror.fail()
    assert build() == later
    assert known() == edition(LATER, "fixes")


def test_what_was_lost_is_built_from_what_the_mirror_has_now(mirror: Mirror) -> None:
    build().unlink()
    later = mirror.publish(LATER, "fixes")
    assert build().read_text() == later.id
    assert known() == later


def test_an_edition_that_was_forgotten_is_built_from_what_the_mirror_has_now(mirror: Mirror) -> None:
    build().unlink()
    later = mirror.publish(LATER, "fixes")
    forget_editions([RECIPE])
    assert build() == image_file(RECIPE, ".tar.gz", later)


@pytest.mark.parametrize("damage", ["content", "manifest", "checksum"])
def test_a_damaged_image_is_made_again(damage: str) -> None:
    image = build()
    {"content": image, "manifest": manifest_file(image), "checksum": checksum_file(image)}[damage].write_text(
        "?"
    )
    assert build() == image
    assert image.read_text() == edition().id
    assert read_manifest(image)


def test_an_image_of_an_older_revision_is_built_anew() -> None:
    old = image_file(RECIPE, ".tar.gz")
    old.write_text("without a manifest")
    assert build() != old


def test_what_is_built_from_a_given_edition_changes_no_name(mirror: Mirror) -> None:
    image = build()
    assert build(edition(LATER)) != image
    assert (image_file(RECIPE, ".tar.gz"), known()) == (image, edition())


def test_no_edition_is_known_of_what_could_not_be_built(mirror: Mirror) -> None:
    def fail(*_: object) -> ImageManifest:
        raise LabError("no room", next_step="")

    with pytest.raises(LabError, match="no room"):
        build_image(RECIPE, ".tar.gz", fail, print)
    assert known() is None
    assert not list(image_file(RECIPE, ".tar.gz").parent.glob("base*"))


def test_a_damaged_image_whose_edition_is_gone_is_not_in_the_way(mirror: Mirror) -> None:
    def moved_on(*_: object) -> ImageManifest:
        raise LabError("the mirror has moved on", next_step="run it again")

    image = build()
    image.write_text("bit rot")
    later = mirror.publish(LATER, "fixes")
    with pytest.raises(LabError, match="moved on"):
        build_image(RECIPE, ".tar.gz", moved_on, print)
    assert build().read_text() == later.id


def test_an_edition_counts_as_seen_when_it_was_built() -> None:
    build()
    found = known_edition(RECIPE)
    assert found
    assert found.seen == FIRST.replace(day=20)
    record_edition(RECIPE, edition())
    found = known_edition(RECIPE)
    assert found
    assert found.seen > FIRST.replace(day=20)
