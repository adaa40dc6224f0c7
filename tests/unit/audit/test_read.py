"""What is read of this machine."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from minetlab.audit import read
from minetlab.images.disk import disk_file, rootfs_file
from minetlab.images.edition import Edition, Release
from minetlab.images.editions import record_edition
from minetlab.inventory.load import LoadedLab
from minetlab.plan import allocate
from minetlab.resources.security import FileState, SecurityObserved
from minetlab.secrets import keys
from minetlab.tp import guest_tps, tp_images
from tests.support.audit import lab_of_one_host

SEEN = datetime(2026, 11, 1, tzinfo=UTC)
RELEASE = Release(codename="trixie", suite="stable", version="13.2", date=SEEN, packages="0" * 64)


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LoadedLab:
    """A lab whose state and cache are empty."""
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("MINETLAB_CACHE", str(tmp_path / "cache"))
    lab = lab_of_one_host()
    return LoadedLab((), lab, allocate(lab))


def test_an_image_is_as_old_as_what_is_known_of_its_packages(loaded: LoadedLab) -> None:
    assert read.this_machine(loaded, []).images == {}
    recipe = guest_tps.recipe(13, ())
    record_edition(recipe, Edition(releases=(RELEASE,)), SEEN)
    (tp_image,) = tp_images.read(("processus",))
    for file in (disk_file(recipe), rootfs_file(tp_images.recipe(tp_image))):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        os.utime(file, (7, 7))
    images = read.this_machine(loaded, []).images
    assert images == {"the guest image": SEEN.timestamp(), "the TP image processus": 7}


def test_private_keys_are_looked_at_and_public_ones_are_not(loaded: LoadedLab) -> None:
    keys.lab_key("lab")
    security = SecurityObserved(files={"/a": FileState(0o600, 0, 9.0), "/b": FileState(0o600, 0, 5.0)})
    here = read.this_machine(loaded, [security])
    assert list(here.keys) == ["keys/lab"]
    assert [mode for mode, _ in here.modes.values()] == [0o700, 0o600]
    assert here.lab_made == 5.0
