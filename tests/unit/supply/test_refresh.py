"""Images are built anew where the mirror has newer packages for them; building is left out."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from minetlab.images.edition import Edition
from minetlab.images.editions import known_edition
from minetlab.supply.lab_images import LabImage
from minetlab.supply.refresh import Refreshed, refresh
from minetlab.util.progress import Progress
from tests.support.images import RECIPE, put_into_cache
from tests.support.mirror import FIRST, Mirror, edition

LATER = FIRST.replace(day=9)
OLD = {"libc6": "1", "zlib1g": "2"}


@dataclass(frozen=True)
class FakeImage(LabImage):
    """An image whose build gives what the test says.

    :param gives: each package with its version.
    """

    gives: tuple[tuple[str, str], ...] = tuple(OLD.items())

    def build(self, edition: Edition, progress: Progress) -> Path:
        known = known_edition(self.recipe)
        image = put_into_cache(self.recipe, ".tar.gz", dict(self.gives), edition)
        if known:  # a build from a given edition leaves the known one
            put_into_cache(self.recipe, ".tar.gz", OLD, known.edition)
        return image


def refreshed(**versions: str) -> Refreshed:
    gives = tuple((versions or OLD).items())
    (one,) = refresh([FakeImage(RECIPE, is_disk=False, gives=gives)], print)
    return one


def known() -> Edition | None:
    found = known_edition(RECIPE)
    return found.edition if found else None


def test_what_was_not_built_is_left_to_the_deploy(mirror: Mirror) -> None:
    assert (refreshed().edition, refreshed().is_new, mirror.asked) == (None, False, 0)


def test_nothing_is_built_where_the_mirror_has_the_same_packages(mirror: Mirror) -> None:
    image = put_into_cache(RECIPE, ".tar.gz", OLD, edition())
    mirror.publish(LATER)
    assert not refreshed(zlib1g="3").is_new
    assert list(image.parent.glob("*.tar.gz")) == [image]
    found = known_edition(RECIPE)
    assert found
    assert (found.edition, found.seen > FIRST) == (edition(), True)


def test_newer_packages_of_an_image_are_told_and_it_gets_their_edition(mirror: Mirror) -> None:
    put_into_cache(RECIPE, ".tar.gz", OLD, edition())
    later = mirror.publish(LATER, "fixes")
    result = refreshed(libc6="1", zlib1g="3")
    assert (result.edition, result.is_new, result.changes) == (later, True, ("zlib1g: 2 → 3",))
    assert known() == later


def test_newer_packages_that_an_image_does_not_have_leave_its_name(mirror: Mirror) -> None:
    put_into_cache(RECIPE, ".tar.gz", OLD, edition())
    mirror.publish(LATER, "fixes")
    assert (refreshed().is_new, refreshed().changes) == (False, ())
    assert known() == edition()


def test_an_image_that_was_lost_is_built_from_what_the_mirror_has_now(mirror: Mirror) -> None:
    put_into_cache(RECIPE, ".tar.gz", OLD, edition()).with_name(
        f"{RECIPE.file_stem}-{edition().id}.json"
    ).unlink()
    later = mirror.publish(LATER)
    result = refreshed()
    assert (result.edition, result.is_new, result.changes) == (later, True, ())
    assert known() == later


def test_the_mirror_is_asked_once_for_each_release(mirror: Mirror) -> None:
    recipes = [RECIPE.model_copy(update={"name": name}) for name in ("a", "b")]
    for recipe in recipes:
        put_into_cache(recipe, ".tar.gz", OLD, edition())
    assert len(list(refresh([FakeImage(recipe, is_disk=False) for recipe in recipes], print))) == 2
    assert mirror.asked == 1


@pytest.mark.usefixtures("mirror")
def test_those_before_the_one_that_fails_are_refreshed(mirror: Mirror) -> None:
    bookworm = RECIPE.model_copy(update={"name": "b", "suite": "bookworm"})
    put_into_cache(RECIPE, ".tar.gz", OLD, edition())
    put_into_cache(bookworm, ".tar.gz", OLD, edition(suite="bookworm"))
    results = refresh([FakeImage(recipe, is_disk=False) for recipe in (RECIPE, bookworm)], print)
    assert next(results).edition == edition()
