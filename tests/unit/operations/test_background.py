"""Images that hosts lack are built while those are provisioned, on hosts that answer from a script."""

from collections.abc import Callable
from pathlib import Path

import gevent
import pytest

from minetlab.images import Progress
from minetlab.images.fetched import fetched_file
from minetlab.images.recipe import ImageRecipe
from minetlab.operations import guest_images, tp_images as operations
from minetlab.tp import tp_images
from minetlab.util.errors import LabError
from tests.support.container_host import STATE as DOCKER, image_line
from tests.support.fake_host import Run, run_operation
from tests.support.guests import LAB
from tests.support.kvm_host import EMPTY, STATE as LIBVIRT, image_at

NAMES = ("processus", "isa", "emulation")
LIMIT = 60.0


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The images that were built, in order: the real ones take a minute each."""
    names: list[str] = []

    def build(recipe: ImageRecipe, progress: Progress) -> None:
        names.append(recipe.name)
        if recipe.name == "tp-isa":
            raise LabError("no mirror", next_step="see the network")

    monkeypatch.setattr(operations, "build_rootfs", build)
    return names


def begun(*there: str) -> Run:
    images = [image_line(tp_images.references(LAB, [name])[name]) for name in there]
    return run_operation(operations.start_builds, {DOCKER: images}, lab=LAB, names=NAMES)


def test_what_the_host_lacks_is_begun_once_in_the_order_it_is_wanted(built: list[str]) -> None:
    run = begun("isa")
    assert (len(run.commands), run.idle) == (1, True)
    until(lambda: len(built) == 2)
    assert built == ["tp-processus", "tp-emulation"]


def test_nothing_is_begun_where_all_is_there(built: list[str]) -> None:
    assert not begun(*NAMES).failed
    assert not begun("isa", "emulation").failed
    until(lambda: built != [])  # builds take turns: one of the first run would have been before this one
    assert built == ["tp-processus"]


def test_hosts_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """One build at a time, also where two hosts have begun theirs."""
    now: list[str] = []
    most: list[int] = []

    def build(recipe: ImageRecipe, progress: Progress) -> None:
        now.append(recipe.name)
        most.append(len(now))
        gevent.sleep(0.01)
        now.remove(recipe.name)

    monkeypatch.setattr(operations, "build_rootfs", build)
    begun("isa", "emulation")
    begun("processus", "isa")
    until(lambda: len(most) == 2)
    assert most == [1, 1]


def test_what_cannot_be_built_is_left_to_the_operation_that_needs_it(
    built: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert not begun().failed
    until(lambda: "tp-isa" in built)
    gevent.sleep(0)
    assert "Traceback" not in capfd.readouterr().err
    assert begun("processus", "isa").failed is False, "the next one has its turn"
    until(lambda: built[-1] == "tp-emulation")


def test_a_tp_that_there_is_not_is_no_failure_yet() -> None:
    run = run_operation(operations.start_builds, {DOCKER: []}, lab=LAB, names=("unix",))
    assert (run.changed, run.failed) == (False, False)


@pytest.mark.usefixtures("plain_images")
def test_a_guest_image_is_in_the_cache_before_it_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINETLAB_CACHE", str(tmp_path / "cache"))
    image = image_at(tmp_path, b"QFI\xfb and the rest")
    run = run_operation(guest_images.start_build, {LIBVIRT: EMPTY}, lab=LAB, image=image, tps=(), disk=8)
    assert (len(run.commands), run.idle) == (1, True)
    until(fetched_file(image).exists)


def until(done: Callable[[], bool]) -> None:
    with gevent.Timeout(LIMIT):
        while not done():
            gevent.sleep(0.01)
