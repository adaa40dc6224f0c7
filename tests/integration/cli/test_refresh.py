"""``lab up --refresh``, as far as it speaks of images; the builder is left out."""

import shutil
from pathlib import Path

import pytest

from minetlab.cli.refresh import refresh_images
from minetlab.images.edition import Edition
from minetlab.inventory.load import load
from minetlab.supply.lab_images import LabImage, lab_images
from minetlab.util.errors import LabError
from minetlab.util.paths import PROJECT_ROOT
from minetlab.util.progress import Progress
from tests.support.images import put_into_cache
from tests.support.mirror import FIRST, Mirror, edition, mirror

__all__ = ["mirror"]
OLD, NEW = {"libc6": "1", "zlib1g": "2"}, {"libc6": "1", "zlib1g": "3"}


@pytest.fixture
def inventory(mirror: Mirror, tmp_path: Path) -> Path:
    folder = shutil.copytree(PROJECT_ROOT / "inventories", tmp_path / "inventories")
    return Path(folder) / "lab.py"


def put(image: LabImage, versions: dict[str, str], of: Edition) -> Path:
    return put_into_cache(image.recipe, ".qcow2" if image.is_disk else ".tar.gz", versions, of)


def test_what_has_changed_is_told_of_each_image(
    inventory: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded = load(inventory)
    for image in lab_images(loaded.lab, loaded.hosts):
        if image.name != "site":
            put(image, OLD, edition())

    def build(image: LabImage, of: Edition, progress: Progress) -> Path:
        return put(image, NEW if image.name == "tp-processus" else OLD, of)

    monkeypatch.setattr(LabImage, "build", build)
    later = mirror.publish(FIRST.replace(day=9), "fixes")
    refresh_images(inventory)
    said = capsys.readouterr().out
    assert f"tp-processus: built anew of {later.title}\n    zlib1g: 2 → 3\n" in said
    assert f"guest-debian-13: nothing is newer than {edition().title}\n" in said
    refresh_images(inventory)
    assert f"tp-processus: nothing is newer than {later.title}\n" in capsys.readouterr().out


def test_a_mirror_that_is_silent_changes_nothing(inventory: Path, mirror: Mirror) -> None:
    loaded = load(inventory)
    images = lab_images(loaded.lab, loaded.hosts)
    for image in images:
        put(image, OLD, edition())
    before = [image.file for image in images]
    mirror.fail()
    with pytest.raises(LabError, match="mirror does not say"):
        refresh_images(inventory)
    assert [image.file for image in images] == before
