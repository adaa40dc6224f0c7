"""Whether hosts can go on from saved states is tried once under KVM, with a stand-in for QEMU."""

from dataclasses import replace
from pathlib import Path

import pytest

from minetlab.sandbox import list_hosts, trial
from minetlab.sandbox.accelerator import Accelerator
from minetlab.sandbox.machine import sandbox_dir
from minetlab.sandbox.platform import Platform
from tests.support.fake_toolbox import SMALL, FakeToolbox
from tests.support.qemu import TCG


@pytest.fixture
def platform(toolbox: FakeToolbox, image: Path) -> Platform:
    return Platform(SMALL, (), image, Accelerator("kvm", "tried"), toolbox)


def again(platform: Platform) -> Platform:
    """The same, as a later run sees it."""
    return replace(platform)


def test_a_guest_that_runs_on_is_no_obstacle(toolbox: FakeToolbox, platform: Platform) -> None:
    said: list[str] = []
    assert trial.obstacle(platform, said.append) is None
    assert said[0] == "trying whether a host with a running guest can be resumed from a saved state here"
    steps = ("starts", "tick.sh", "freeze.sh", "saving", "loading", "cont", "resume.sh", "ticks.sh")
    assert toolbox.did(*steps) == [
        *("starts", "tick.sh", "freeze.sh", "saving memory of trial"),
        *("starts", "loading memory of trial", "cont", "resume.sh", "ticks.sh"),
    ]
    assert list_hosts() == []
    assert not (sandbox_dir() / ".resume-trial").exists()
    assert not [pid for pid in {each["pid"] for each in toolbox.log} if Path(f"/proc/{pid}/exe").exists()]


def test_an_emulated_host_needs_no_trial(toolbox: FakeToolbox, platform: Platform) -> None:
    assert trial.obstacle(replace(platform, accelerator=TCG), print) is None
    assert toolbox.log == []


def test_a_guest_that_does_not_run_on_is_the_obstacle_and_is_remembered(
    toolbox: FakeToolbox, platform: Platform
) -> None:
    toolbox.behave(fails={"ticks.sh": "the guest says nothing more\nand more"})
    why = "a trial under KVM failed: sh ended with 1: the guest says nothing more"
    assert trial.obstacle(platform, print) == why
    toolbox.behave()
    said: list[str] = []
    assert trial.obstacle(again(platform), said.append) == why
    assert said == []
    toolbox.behave(version="12")
    assert trial.obstacle(again(platform), said.append) is None


@pytest.mark.parametrize("content", ["", "{}", '{"obstacle": "x"}', "[]", "3", '{"on": [], "obstacle": "x"}'])
def test_a_result_that_cannot_be_read_is_found_again(
    toolbox: FakeToolbox, platform: Platform, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (sandbox_dir() / "resume-trial.json").write_text(content)
    monkeypatch.setattr(trial, "attempt", lambda platform, progress: "found again")
    assert trial.obstacle(platform, print) == "found again"


@pytest.mark.parametrize("before", ["0", "~"])
def test_a_result_of_another_qemu_is_found_again(
    toolbox: FakeToolbox, platform: Platform, before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def attempt(platform: Platform, progress: object) -> str:
        tried.append(platform.hardware.qemu)
        return ""

    monkeypatch.setattr(trial, "attempt", attempt)
    toolbox.behave(version=before)
    assert trial.obstacle(again(platform), print) is None
    toolbox.behave()
    for _ in range(2):
        assert trial.obstacle(again(platform), print) is None
    assert tried == [before, "11.1.3"]


def test_a_bare_image_leaves_the_trial_to_a_later_host(toolbox: FakeToolbox, platform: Platform) -> None:
    bare = replace(platform, spec=SMALL.model_copy(update={"image": "bare"}))
    assert "a bare image lacks QEMU" in str(trial.obstacle(bare, print))
    assert not (sandbox_dir() / "resume-trial.json").exists()
    assert toolbox.log == []


def test_a_trial_that_was_interrupted_is_cleared_away(toolbox: FakeToolbox, platform: Platform) -> None:
    leftover = sandbox_dir() / ".resume-trial" / "first"
    leftover.mkdir(parents=True)
    (leftover / "disk.qcow2").write_text("half")
    assert trial.attempt(platform, print) == ""
    assert not leftover.exists()
