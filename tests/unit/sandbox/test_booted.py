"""What becomes of a damaged booted image, and of a trial of saved states that could not be made."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from minetlab.images.cache import checksum_file, sha256
from minetlab.sandbox import booted, trial
from minetlab.sandbox.accelerator import Accelerator
from minetlab.sandbox.booted import BootedImage, ensure_booted
from minetlab.sandbox.in_use import register
from minetlab.sandbox.machine import HostRecord, SandboxHost
from minetlab.sandbox.platform import SandboxHardware
from minetlab.sandbox.spec import SandboxSpec
from minetlab.util.errors import LabError


class Here:
    """What a host would run on, where no program of the toolbox is needed."""

    hardware = SandboxHardware(qemu="11.1.3", arguments="a", accelerator="kvm", processor="Ryzen")
    accelerator = Accelerator("kvm", "tried")
    spec = SandboxSpec()
    groups = ()
    image = Path("/cache/images/warm.qcow2")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("MINETLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(booted, "recorded_sha256", lambda file: "0")
    return Here()


@pytest.fixture
def damaged(here: Any) -> BootedImage:
    """A booted image whose memory is gone, and whose disk is as it was."""
    image = BootedImage(booted._folder(here))
    image.folder.mkdir()
    image.disk.write_text("disk")
    checksum_file(image.disk).write_text(f"{sha256(image.disk)}  disk.qcow2\n")
    return image


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[BootedImage]:
    """Those that are made anew."""
    found: list[BootedImage] = []
    monkeypatch.setattr(booted, "_make", lambda image, platform, progress: found.append(image))
    return found


def test_a_damaged_one_that_a_host_stands_on_stays(
    here: Any, damaged: BootedImage, made: list[BootedImage]
) -> None:
    machine = SandboxHost("hv1")
    machine.folder.mkdir(parents=True)
    machine.record = HostRecord(
        spec=SandboxSpec(),
        image=here.image,
        image_sha256="0",
        booted=damaged.disk,
        booted_sha256="0",
        accelerator=here.accelerator,
    )
    register()
    with pytest.raises(OSError, match="it is not whole; it is kept, as hosts or checkpoints use its disk"):
        ensure_booted(here, print)
    assert damaged.disk.read_text() == "disk"
    assert made == []


def test_a_damaged_one_that_nobody_stands_on_is_made_again(
    here: Any, damaged: BootedImage, made: list[BootedImage]
) -> None:
    ensure_booted(here, print)
    assert made == [damaged]
    assert not damaged.folder.exists()


def test_a_full_disk_is_no_finding_of_a_trial(here: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*of: Any) -> None:
        raise LabError("cannot save the memory of sandbox host trial: No space left on device", next_step="")

    here.toolbox = None
    for step in ("make_overlay", "launch", "wait_for_ssh"):
        monkeypatch.setattr(trial, step, lambda *of: None)
    monkeypatch.setattr(trial, "_try", full)
    assert trial.attempt(here, print).startswith("a trial under KVM failed: cannot save the memory")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(10, 9, 1))
    with pytest.raises(LabError, match=r"a trial of saved states needs 4\.0 GiB of free disk"):
        trial.attempt(here, print)


def test_what_a_trial_finds_is_kept_and_what_keeps_it_from_being_made_is_not(
    here: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def attempt(platform: Any, progress: Any) -> str:
        tried.append("")
        if len(tried) == 1:
            raise LabError("there is no room", next_step="make some")
        return "the guest says nothing more"

    monkeypatch.setattr(trial, "attempt", attempt)
    with pytest.raises(LabError, match="there is no room"):
        trial.obstacle(here, print)
    for _ in range(2):
        assert trial.obstacle(here, print) == "the guest says nothing more"
    assert len(tried) == 2
