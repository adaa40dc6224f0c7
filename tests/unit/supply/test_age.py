from datetime import timedelta

import pytest

from minetlab.supply.age import FRESH, ages, outdated
from minetlab.supply.lab_images import LabImage
from tests.support.images import RECIPE, manifest, put_into_cache
from tests.support.mirror import FIRST, edition

IMAGE = LabImage(RECIPE, is_disk=False)
LATER = edition(FIRST.replace(day=9), "fixes")
pytestmark = pytest.mark.usefixtures("mirror")


def test_an_image_that_was_not_built_has_no_age() -> None:
    found = ages([IMAGE], FIRST)
    assert (found.dates, found.stale, found.outdated) == ({}, (), ())


@pytest.mark.parametrize(("since", "stale"), [(FRESH, ()), (FRESH + timedelta(seconds=1), ("base",))])
def test_an_image_is_stale_if_the_mirror_was_not_asked_for_long(
    since: timedelta, stale: tuple[str, ...]
) -> None:
    put_into_cache(RECIPE, ".tar.gz", {}, edition())
    found = ages([IMAGE], FIRST + since)
    assert (found.dates, found.stale) == ({"base": FIRST}, stale)


def test_a_newer_package_of_another_image_is_known() -> None:
    other = RECIPE.model_copy(update={"name": "other"})
    put_into_cache(RECIPE, ".tar.gz", {"zlib1g": "2"}, edition())
    put_into_cache(other, ".tar.gz", {"zlib1g": "3"}, LATER)
    assert ages([IMAGE, LabImage(other, is_disk=False)], FIRST).outdated == ("base",)


def test_only_another_version_of_a_later_edition_of_the_same_release_counts() -> None:
    old = manifest({"zlib1g": "2", "nano": "8"})
    bookworm = RECIPE.model_copy(update={"suite": "bookworm"})
    assert list(outdated([old, manifest({"zlib1g": "2", "vim": "9"}, LATER)])) == []
    assert list(outdated([old, manifest({"zlib1g": "3"}, LATER, bookworm)])) == []
    assert list(outdated([old, manifest({"zlib1g": "3"})])) == []
    assert list(outdated([manifest({"zlib1g": "3"}, LATER), old])) == ["base"]
