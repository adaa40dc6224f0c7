"""What is read of this machine."""

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from minetlab.audit import read
from minetlab.images.edition import Edition, Release
from minetlab.images.editions import record_edition
from minetlab.images.fetched import fetched_file
from minetlab.inventory.load import LoadedLab
from minetlab.lab import UrlImage
from minetlab.plan import allocate
from minetlab.resources.security import FileState, SecurityObserved
from minetlab.secrets import keys
from minetlab.supply.lab_images import lab_images
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
    images = lab_images(loaded.lab, loaded.hosts)
    kinds = ("guest-debian-13", "tp-processus")
    assert {image.name for image in images} >= set(kinds)
    for image in images:
        record_edition(image.recipe, Edition(releases=(RELEASE,)), SEEN)
        if image.name in kinds:  # of the others, this machine has no file
            image.file.parent.mkdir(parents=True, exist_ok=True)
            image.file.touch()
    assert read.this_machine(loaded, []).images == dict.fromkeys(kinds, SEEN.timestamp())


def test_an_image_from_elsewhere_is_as_old_as_its_file(loaded: LoadedLab) -> None:
    image = UrlImage(url="https://example.org/x.qcow2", sha256="0" * 64)
    (host,) = loaded.lab.kvm_hosts
    settings = host.settings.model_copy(update={"guest_image": image})
    lab = loaded.lab.model_copy(update={"kvm_hosts": (host.model_copy(update={"settings": settings}),)})
    file = fetched_file(image)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    os.utime(file, (7, 7))
    images = read.this_machine(replace(loaded, lab=lab), []).images
    assert images == {"the guest image from https://example.org/x.qcow2": 7}


def test_private_keys_are_looked_at_and_public_ones_are_not(loaded: LoadedLab) -> None:
    keys.lab_key("lab")
    security = SecurityObserved(files={"/a": FileState(0o600, 0, 9.0), "/b": FileState(0o600, 0, 5.0)})
    here = read.this_machine(loaded, [security])
    assert list(here.keys) == ["keys/lab"]
    assert [mode for mode, _ in here.modes.values()] == [0o700, 0o600]
    assert here.lab_made == 5.0
