from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest

from minetlab.lab import Lab
from minetlab.preflight import image_ages as checked
from minetlab.preflight.findings import Finding, Severity
from minetlab.supply.age import FRESH
from minetlab.supply.lab_images import LabImage
from minetlab.util.errors import LabError
from tests.support.images import RECIPE, put_into_cache
from tests.support.mirror import FIRST, edition

OTHER = RECIPE.model_copy(update={"name": "other"})
LATER = FIRST.replace(day=9)
LAB = Lab.model_construct()
pytestmark = pytest.mark.usefixtures("mirror")


@pytest.fixture(autouse=True)
def two_images(monkeypatch: pytest.MonkeyPatch) -> None:
    images = (LabImage(RECIPE, is_disk=False), LabImage(OTHER, is_disk=False))
    monkeypatch.setattr(checked, "lab_images", lambda lab, hosts: images)


def finding(now: datetime = FIRST) -> Finding:
    (one,) = checked.ages_here(LAB, (), now)
    return one


def test_there_is_nothing_to_say_of_images_that_were_not_built() -> None:
    assert not list(checked.ages_here(LAB, (), FIRST))


def test_the_oldest_image_is_told() -> None:
    put_into_cache(RECIPE, ".tar.gz", {}, edition(LATER))
    put_into_cache(OTHER, ".tar.gz", {}, edition())
    assert finding().severity == Severity.OK
    assert finding().message == "2 built; the oldest, other, is of Debian as of 2026-11-01"


def test_images_that_were_not_refreshed_for_long_are_told_with_what_to_do() -> None:
    put_into_cache(RECIPE, ".tar.gz", {}, edition())
    stale = finding(FIRST + FRESH + timedelta(days=1))
    assert stale.severity == Severity.WARNING
    assert "base: not compared with the mirror for 30 days" in stale.message
    assert "./lab up --refresh" in stale.next_step


def test_newer_packages_that_another_image_has_are_told() -> None:
    put_into_cache(RECIPE, ".tar.gz", {"zlib1g": "2"}, edition())
    put_into_cache(OTHER, ".tar.gz", {"zlib1g": "3"}, edition(LATER))
    assert finding().severity == Severity.WARNING
    assert finding().message.endswith("; newer packages are known for base")


def test_a_wrong_tp_is_left_to_the_check_of_images(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(lab: Lab, hosts: Iterable[object]) -> None:
        raise LabError("there is no TP 'unix'", next_step="")

    monkeypatch.setattr(checked, "lab_images", wrong)
    assert not list(checked.ages_here(LAB, (), FIRST))
