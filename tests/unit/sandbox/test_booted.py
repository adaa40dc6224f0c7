"""How a booted image is made, what becomes of a damaged one, and of a trial that could not be made."""

import os
import re
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest

from minetlab.images.cache import checksum_file, sha256
from minetlab.sandbox import booted, trial
from minetlab.sandbox.accelerator import Accelerator
from minetlab.sandbox.booted import BootedImage, ensure_booted
from minetlab.sandbox.in_use import register
from minetlab.sandbox.machine import HostRecord, SandboxHost
from minetlab.sandbox.platform import Platform, SandboxHardware
from minetlab.sandbox.spec import SandboxSpec
from minetlab.util.errors import LabError
from tests.support.fake_toolbox import SMALL, FakeToolbox


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


@pytest.fixture
def platform(toolbox: FakeToolbox, image: Path) -> Platform:
    return Platform(SMALL, ("kvm_hosts",), image, Accelerator("tcg", "tried"), toolbox)


def test_one_is_made_once_and_its_use_is_noted(toolbox: FakeToolbox, platform: Platform) -> None:
    said: list[str] = []
    image = ensure_booted(platform, said.append)
    assert image.obstacle(platform) is None
    assert re.fullmatch(rf"{platform.image.stem}-[0-9a-f]{{12}}", image.folder.name)
    assert stat.S_IMODE(image.folder.parent.stat().st_mode) == 0o700
    assert said[0] == "booting with accelerator tcg: tried"
    assert said[-1].startswith("saved the booted state for future hosts (")
    assert not Path(f"/proc/{toolbox.log[0]['pid']}/exe").exists()
    os.utime(image.folder, (0, 0))
    assert ensure_booted(platform, print) == image
    assert image.folder.stat().st_mtime > 0
    assert len(toolbox.did("starts")) == 1
    assert [path.name for path in image.folder.parent.glob("*") if "lock" not in path.name] == [
        image.folder.name
    ]


def test_another_kind_of_host_has_another_one(platform: Platform) -> None:
    others = [
        Platform(SMALL, (), platform.image, platform.accelerator, platform.toolbox),
        Platform(SMALL.model_copy(update={"vcpus": 2}), platform.groups, platform.image, *of(platform)),
        Platform(SMALL, platform.groups, platform.image.with_name("other.qcow2"), *of(platform)),
    ]
    assert len({booted._folder(each) for each in [platform, *others]}) == 4


def of(platform: Platform) -> tuple[Any, Any]:
    return platform.accelerator, platform.toolbox


def test_a_damaged_disk_is_said_and_made_again(toolbox: FakeToolbox, platform: Platform) -> None:
    image = ensure_booted(platform, print)
    image.disk.write_text("?")
    register()
    said: list[str] = []
    assert ensure_booted(platform, said.append).obstacle(platform) is None
    assert said[0].endswith("is not used: its disk is damaged: the checksum does not match; making it again")


def test_a_first_boot_that_fails_leaves_nothing(toolbox: FakeToolbox, platform: Platform) -> None:
    toolbox.behave(console="Kernel panic")
    with pytest.raises(LabError, match=r"first boot of a host of this kind failed: .*template panicked"):
        ensure_booted(platform, print)
    toolbox.behave(fails={"prepare.sh": "no such module"})
    with pytest.raises(LabError, match="just booted cannot be saved: sh ended with 1: no such module"):
        ensure_booted(platform, print)
    assert list(booted._folder(platform).parent.glob("[!.]*")) == []
    assert list(booted._folder(platform).parent.glob(".*.partial")) == []
    assert not any(Path(f"/proc/{entry['pid']}/exe").exists() for entry in toolbox.log)


def test_what_a_killed_run_has_left_is_no_obstacle(platform: Platform) -> None:
    folder = booted._folder(platform)
    scratch = folder.with_name(f".{folder.name}.partial")
    (scratch / "state").mkdir(parents=True)
    assert ensure_booted(platform, print).folder == folder
    assert not scratch.exists()
