"""What a saved memory is refused for, and what stays of it when a run is interrupted."""

import os
import shutil
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from minetlab.sandbox import qmp, saved
from minetlab.sandbox.accelerator import Accelerator, processor
from minetlab.sandbox.machine import HostRecord, SandboxHost
from minetlab.sandbox.platform import SandboxHardware
from minetlab.sandbox.saved import MEMORY_FILE, STATE_MANIFEST, MemoryManifest, SavedMemory, stamp
from minetlab.sandbox.spec import SandboxSpec
from minetlab.util.errors import LabError
from tests.support.fake_toolbox import FakeToolbox

HARDWARE = SandboxHardware(qemu="11.1.3", arguments="a", accelerator="kvm", processor="Ryzen")
IMAGE = "0" * 64
CPUINFO = """processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: 1
model name\t: AMD EPYC 7003
stepping\t: 1
microcode\t: 0x1
flags\t\t: fpu svm

processor\t: 1
"""


class Here:
    """What a host would run on, where a program of the toolbox is not needed."""

    hardware = HARDWARE
    accelerator = Accelerator("kvm", "tried")
    toolbox = None


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    disk = tmp_path / "disk.qcow2"
    disk.write_bytes(b"disk")
    return disk


@pytest.fixture
def memory(tmp_path: Path, disk: Path, monkeypatch: pytest.MonkeyPatch) -> SavedMemory:
    """One that fits; its checksum is its content."""
    monkeypatch.setattr(saved, "checksum", lambda file, toolbox: file.read_text())
    folder = tmp_path / "suspended"
    folder.mkdir()
    (folder / MEMORY_FILE).write_text("memory")
    write(
        folder,
        MemoryManifest(
            hardware=HARDWARE,
            disk=stamp(disk),
            image_sha256=IMAGE,
            memory_xxh128="memory",
            saved=datetime.now(UTC),
        ),
    )
    return SavedMemory(folder)


def write(folder: Path, manifest: MemoryManifest) -> None:
    (folder / STATE_MANIFEST).write_text(manifest.model_dump_json())


def obstacle(memory: SavedMemory, disk: Path, image: str = IMAGE) -> str | None:
    return memory.obstacle(Here(), image, disk)  # type: ignore[arg-type]


def test_one_that_fits_has_no_obstacle(memory: SavedMemory, disk: Path) -> None:
    assert obstacle(memory, disk) is None


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("qemu", "10.0.13", "saved by QEMU 10.0.13, and this is 11.1.3"),
        ("accelerator", "tcg", "saved with accelerator tcg, and this is kvm"),
        ("arguments", "b", "saved with other virtual hardware"),
        ("processor", "Xeon", "saved on another processor: Xeon, and this is Ryzen"),
    ],
)
def test_other_hardware_is_named(memory: SavedMemory, disk: Path, field: str, value: str, why: str) -> None:
    manifest = memory.manifest
    assert manifest is not None
    other = manifest.hardware.model_copy(update={field: value})
    write(memory.folder, manifest.model_copy(update={"hardware": other}))
    assert why in str(obstacle(memory, disk))


def test_another_image_is_named(memory: SavedMemory, disk: Path) -> None:
    for image in ("1" * 64, ""):
        assert "the image under its disk is another one" in str(obstacle(memory, disk, image))


def test_a_disk_that_was_written_to_is_named(memory: SavedMemory, disk: Path) -> None:
    for when in (0, 2**62):
        os.utime(disk, ns=(when, when))
        assert "its disk was written to since" in str(obstacle(memory, disk))
    assert memory.obstacle(Here(), IMAGE) is None, "where nobody asks for the disk"  # type: ignore[arg-type]


def test_a_damaged_memory_is_named(memory: SavedMemory, disk: Path) -> None:
    for content in ("memorz", "memo"):
        (memory.folder / MEMORY_FILE).write_text(content)
        assert "damaged" in str(obstacle(memory, disk))
    (memory.folder / MEMORY_FILE).unlink()
    assert "damaged" in str(obstacle(memory, disk))


@pytest.mark.parametrize("content", ["", "{", "[]", '{"saved": "2026-01-01T00:00:00Z"}'])
def test_one_without_a_whole_manifest_is_not_used(memory: SavedMemory, disk: Path, content: str) -> None:
    (memory.folder / STATE_MANIFEST).write_text(content)
    assert obstacle(memory, disk) == "it is not whole"


def test_it_goes_at_once(memory: SavedMemory, tmp_path: Path) -> None:
    memory.remove()
    assert not memory.exists
    assert [path.name for path in tmp_path.iterdir()] == ["disk.qcow2"]
    memory.remove()  # and again, where there is none


def test_a_processor_is_known_by_what_a_machine_sees_of_it(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(CPUINFO)
    known = processor(cpuinfo)
    assert known.startswith("AMD EPYC 7003 (AuthenticAMD 25 1 1, features ")
    for old, new in (("fpu svm", "fpu"), ("0x1", "0x2"), ("model\t\t: 1", "model\t\t: 2")):
        cpuinfo.write_text(CPUINFO.replace(old, new))
        assert processor(cpuinfo) != known


def test_a_memory_takes_the_place_of_an_older_one(
    memory: SavedMemory, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_it(path: Path, file: Path, limit: float) -> None:
        file.write_text("newer")

    monkeypatch.setattr(qmp, "run_state", lambda path: "paused")
    monkeypatch.setattr(qmp, "migrate", write_it)
    memory.save(SandboxHost("hv1", disk.parent), Here(), IMAGE)  # type: ignore[arg-type]
    assert sorted(path.name for path in disk.parent.iterdir()) == ["disk.qcow2", "suspended"]
    assert (memory.folder / MEMORY_FILE).read_text() == "newer"
    assert obstacle(memory, disk) is None


def test_a_memory_is_of_the_hardware_that_the_host_was_booted_on(
    memory: SavedMemory, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The project and its QEMU may be newer than the QEMU that runs."""
    monkeypatch.setattr(qmp, "run_state", lambda path: "paused")
    monkeypatch.setattr(qmp, "migrate", lambda path, file, limit: None)
    machine = SandboxHost("hv1", disk.parent)
    then = HARDWARE.model_copy(update={"qemu": "10.0.13"})
    machine.record = HostRecord(
        spec=SandboxSpec(), image=disk, image_sha256=IMAGE, accelerator=Here.accelerator, hardware=then
    )
    memory.save(machine, Here(), IMAGE)  # type: ignore[arg-type]
    assert "saved by QEMU 10.0.13" in str(obstacle(memory, disk))


def test_a_memory_that_cannot_be_written_leaves_nothing_and_the_older_one(
    memory: SavedMemory, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, address: str, limit: float) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(qmp, "run_state", lambda path: "paused")
    monkeypatch.setattr(qmp, "migrate", full)
    machine = SandboxHost("hv1", disk.parent)
    with pytest.raises(LabError, match="cannot save the memory of sandbox host hv1: No space left on device"):
        memory.save(machine, Here(), IMAGE)  # type: ignore[arg-type]
    assert sorted(path.name for path in disk.parent.iterdir()) == ["disk.qcow2", "suspended"]
    assert obstacle(memory, disk) is None


def test_a_manifest_that_is_gone_is_no_manifest(memory: SavedMemory, disk: Path) -> None:
    (memory.folder / STATE_MANIFEST).unlink()
    assert memory.manifest is None
    assert obstacle(memory, disk) == "it is not whole"


def test_a_memory_has_a_size(memory: SavedMemory) -> None:
    assert memory.size == len("memory")
    memory.remove()
    assert memory.size == 0


def test_a_checksum_tells_contents_apart(toolbox: FakeToolbox, tmp_path: Path, disk: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"disc")
    assert " " not in saved.checksum(disk, toolbox)
    assert saved.checksum(disk, toolbox) != saved.checksum(other, toolbox)
    other.write_bytes(b"disk")
    assert saved.checksum(disk, toolbox) == saved.checksum(other, toolbox)


def test_a_memory_is_for_this_user_only(
    memory: SavedMemory, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[int] = []

    def write_it(path: Path, file: Path, limit: float) -> None:
        modes.extend(stat.S_IMODE(each.stat().st_mode) for each in (file, file.parent))

    monkeypatch.setattr(qmp, "run_state", lambda path: "paused")
    monkeypatch.setattr(qmp, "migrate", write_it)
    new = SavedMemory(disk.parent / "checkpoint" / "hv1")
    new.save(SandboxHost("hv1", disk.parent), Here(), IMAGE)  # type: ignore[arg-type]
    assert modes == [0o600, 0o700]
    assert (new.folder / STATE_MANIFEST).read_text().startswith('{\n  "hardware"')
    assert obstacle(new, disk) is None


def test_what_killed_runs_have_left_goes_and_a_memory_stays(memory: SavedMemory) -> None:
    leftovers = [memory.folder.with_name(name) for name in (".suspended.partial", ".suspended.gone")]
    memory.sweep()
    for leftover in leftovers:
        shutil.copytree(memory.folder, leftover)
    memory.sweep()
    assert not any(leftover.exists() for leftover in leftovers)
    assert memory.exists
    shutil.copytree(memory.folder, leftovers[1])
    memory.remove()
    assert not memory.exists
    assert not leftovers[1].exists()
