"""How a machine runs: under KVM if that was tried, else emulated."""

import json
import os
import re
import time
from pathlib import Path

import pytest

from minetlab.images.recipe import EMULATED_FAMILY
from minetlab.sandbox import accelerator as module
from minetlab.sandbox.accelerator import Accelerator, choose_accelerator, kvm_obstacle, processor, trial_boot
from tests.support.fake_toolbox import FakeToolbox

UP = "[    3.1] systemd[1]: Hostname set.\n"
KVM = Accelerator("kvm", "a trial machine booted under KVM")


@pytest.fixture
def record(toolbox: FakeToolbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the choice is kept; nothing but a trial stands against KVM."""
    monkeypatch.setattr(module, "kvm_obstacle", lambda: None)
    return tmp_path / "accelerator.json"


def choose(toolbox: FakeToolbox, record: Path, said: list[str] | None = None) -> Accelerator:
    return choose_accelerator(toolbox, Path("/a,b.qcow2"), record, ([] if said is None else said).append)


def test_kvm_in_which_a_machine_boots_is_used(toolbox: FakeToolbox, record: Path) -> None:
    toolbox.behave(console=UP, trial_takes=30)
    said: list[str] = []
    assert choose(toolbox, record, said) == KVM
    assert said == ["trying KVM with a real boot"]
    (trial,) = toolbox.log
    line = " ".join(trial["arguments"])
    assert "-snapshot -accel kvm -cpu host -drive if=virtio,format=qcow2,file=/a,,b.qcow2 -serial" in line


def test_kvm_in_which_no_machine_boots_is_not_used(toolbox: FakeToolbox, record: Path) -> None:
    toolbox.behave(console="[    0.1] Linux\n")
    assert choose(toolbox, record) == Accelerator("tcg", "a trial machine did not boot under KVM within 20 s")


def test_kvm_that_cannot_work_is_not_tried(
    toolbox: FakeToolbox, record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "kvm_obstacle", lambda: "there is no /dev/kvm")
    assert choose(toolbox, record) == Accelerator("tcg", "there is no /dev/kvm")
    assert toolbox.log == []


def test_the_choice_holds_until_the_machine_boots_again(toolbox: FakeToolbox, record: Path) -> None:
    toolbox.behave(console=UP, trial_takes=30)
    first = choose(toolbox, record)
    toolbox.behave()
    said: list[str] = []
    assert choose(toolbox, record, said) == first
    assert said == []
    kept = json.loads(record.read_text())
    record.write_text(json.dumps(kept | {"boot_id": "0"}))
    assert choose(toolbox, record).name == "tcg"
    record.write_text(json.dumps(kept | {"boot_id": "~"}))
    assert choose(toolbox, record, said).name == "tcg"
    assert said == ["trying KVM with a real boot"]


@pytest.mark.parametrize("content", ["", "{}", "[1]", "3", "null", "\ufffe"])
def test_a_choice_that_cannot_be_read_is_made_again(toolbox: FakeToolbox, record: Path, content: str) -> None:
    record.write_text(content)
    toolbox.behave(console=UP, trial_takes=30)
    assert choose(toolbox, record) == KVM


def test_a_choice_of_another_version_is_made_again(toolbox: FakeToolbox, record: Path) -> None:
    toolbox.behave(console=UP, trial_takes=30)
    choose(toolbox, record)
    record.write_text(json.dumps(json.loads(record.read_text()) | {"more": 1}))
    assert choose(toolbox, record) == KVM
    assert len(toolbox.log) == 2


def test_a_machine_that_hangs_is_given_up_and_ended(toolbox: FakeToolbox, tmp_path: Path) -> None:
    toolbox.behave(trial_takes=30)
    (tmp_path / "trial-console.log").write_text(UP)  # of an earlier trial
    began = time.monotonic()
    assert not trial_boot(toolbox, KVM, Path("/i"), tmp_path, limit=0.5)
    assert 0.5 <= time.monotonic() - began < 25
    assert not Path(f"/proc/{toolbox.log[0]['pid']}/cmdline").exists()


def test_a_machine_that_ends_is_not_waited_for(toolbox: FakeToolbox, tmp_path: Path) -> None:
    began = time.monotonic()
    assert not trial_boot(toolbox, KVM, Path("/i"), tmp_path, limit=30)
    assert time.monotonic() - began < 10


def test_an_emulated_machine_is_given_more_time_and_another_processor() -> None:
    emulated, real = Accelerator("tcg", ""), Accelerator("kvm", "")
    assert (emulated.slowness, real.slowness) == (5, 1)
    assert real.arguments == ("-accel", "kvm", "-cpu", "host")
    assert emulated.arguments[:2] == ("-accel", "tcg,thread=multi")
    assert "svm=on" in emulated.arguments[3]
    assert emulated.arguments[4:] == ("-smbios", f"type=1,family={EMULATED_FAMILY}")


def test_a_device_that_this_user_may_not_use_is_no_kvm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kvm").touch()
    (tmp_path / "kvm_amd" / "parameters").mkdir(parents=True)
    (tmp_path / "kvm_amd" / "parameters" / "nested").write_text("1\n")
    asked: list[int] = []

    def access(path: Path, mode: int) -> bool:
        asked.append(mode)
        return False

    monkeypatch.setattr(os, "access", access)
    assert "is closed to this user" in str(kvm_obstacle(tmp_path, tmp_path / "kvm"))
    assert asked == [os.R_OK + os.W_OK]


def test_all_processors_are_described_as_the_first_one(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    first = "processor\t: 0\nmodel name\t: Xeon: Gold\nflags\t\t: fpu vmx\n"
    cpuinfo.write_text(first)
    known = processor(cpuinfo)
    assert re.fullmatch(r"Xeon: Gold \(\? \? \? \?, features [0-9a-f]{12}\)", known)
    second = "\nprocessor\t: 1\nmodel name\t: other\nflags\t\t: fpu\n"
    cpuinfo.write_text(first + second + second)
    assert processor(cpuinfo) == known
