"""What a checkpoint is refused for; nothing here runs a machine, as nothing may be touched by then."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from minetlab.images import Progress
from minetlab.sandbox import checkpoint
from minetlab.sandbox.accelerator import Accelerator
from minetlab.sandbox.checkpoint import (
    CHECKPOINT_MANIFEST,
    Checkpoint,
    CheckpointManifest,
    UnusableCheckpointError,
    list_checkpoints,
)
from minetlab.sandbox.machine import HostRecord, SandboxHost
from minetlab.sandbox.spec import SandboxSpec
from minetlab.util.errors import LabError


def quiet(name: str) -> Progress:
    return lambda message: None


@pytest.fixture
def parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("MINETLAB_CACHE", str(tmp_path / "cache"))
    parent = tmp_path / "checkpoints"
    parent.mkdir()
    return parent


def host(name: str, folder: Path | None = None) -> SandboxHost:
    """A host that neither runs nor is suspended."""
    machine = SandboxHost(name, folder)
    machine.folder.mkdir(parents=True)
    machine.disk.write_bytes(b"disk")
    machine.record = HostRecord(
        spec=SandboxSpec(),
        image=Path("/nowhere/image.qcow2"),
        image_sha256="0",
        accelerator=Accelerator("tcg", "for the test"),
    )
    return machine


def made(parent: Path, *hosts: str) -> Checkpoint:
    """A checkpoint of these hosts, whose image is gone."""
    saved = Checkpoint.named("before", parent)
    for name in hosts:
        host(name, saved.folder / name)
    manifest = CheckpointManifest(saved=datetime.now(UTC), made_of="", disks=dict.fromkeys(hosts, "0"))
    (saved.folder / CHECKPOINT_MANIFEST).write_text(manifest.model_dump_json())
    return saved


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "Before", "a b", "x" * 41])
def test_a_name_that_cannot_be_a_checkpoints_is_refused(parent: Path, name: str) -> None:
    with pytest.raises(LabError, match="cannot be the name of a checkpoint"):
        Checkpoint.named(name, parent)


def test_one_that_is_there_is_not_overwritten(parent: Path) -> None:
    saved = made(parent, "hv1")
    with pytest.raises(LabError, match="there is a checkpoint before already"):
        checkpoint.save(saved, ["hv1"], quiet)


def test_a_host_that_is_off_cannot_be_saved(parent: Path) -> None:
    host("hv1")
    with pytest.raises(LabError, match="sandbox host hv1 neither runs nor is suspended"):
        checkpoint.save(Checkpoint.named("now", parent), ["hv1"], quiet)
    assert list_checkpoints(parent) == []


@pytest.mark.parametrize(
    ("hosts", "why"),
    [
        (["hv1", "hv2"], "it is of ct1, hv1, and the lab has hv1, hv2"),
        (["hv1", "ct1"], "hv1: the image under its disk is gone or damaged: /nowhere/image.qcow2"),
    ],
)
def test_one_that_does_not_fit_is_refused_and_nothing_is_touched(
    parent: Path, hosts: list[str], why: str
) -> None:
    machine = host("hv1")
    saved = made(parent, "hv1", "ct1")
    with pytest.raises(LabError, match="the checkpoint before cannot be restored: ") as error:
        checkpoint.restore(saved, hosts, quiet)
    assert why in str(error.value)
    assert machine.disk.read_bytes() == b"disk"
    assert machine.record is not None


def test_one_that_is_not_whole_is_refused(parent: Path) -> None:
    saved = made(parent, "hv1")
    (saved.folder / CHECKPOINT_MANIFEST).write_text("{")
    with pytest.raises(LabError, match="it is not whole"):
        checkpoint.restore(saved, ["hv1"], quiet)


def test_one_whose_record_or_keys_are_damaged_is_refused(parent: Path) -> None:
    machine = host("hv1")
    saved = made(parent, "hv1")
    folder = saved.folder / "hv1"
    (folder / "client_key").write_text("key")
    manifest = saved.manifest
    assert manifest is not None
    whole = manifest.model_copy(update={"identities": {"hv1": checkpoint._identity(folder)}})
    (saved.folder / CHECKPOINT_MANIFEST).write_text(whole.model_dump_json())
    assert "the image under its disk is gone" in str(checkpoint.obstacle(saved, ["hv1"], quiet))
    (folder / "client_key").unlink()
    with pytest.raises(UnusableCheckpointError, match="hv1: its record or its keys are damaged"):
        checkpoint.restore(saved, ["hv1"], quiet)
    (saved.folder / CHECKPOINT_MANIFEST).write_text(manifest.model_dump_json())
    (folder / "machine.json").write_text("{")
    with pytest.raises(UnusableCheckpointError, match="hv1: its record cannot be read"):
        checkpoint.restore(saved, ["hv1"], quiet)
    assert machine.disk.read_bytes() == b"disk"


def test_one_that_is_not_there_is_refused(parent: Path) -> None:
    with pytest.raises(LabError, match="there is none of that name"):
        checkpoint.restore(Checkpoint.named("nowhere", parent), ["hv1"], quiet)
    with pytest.raises(LabError, match="there is no checkpoint nowhere"):
        checkpoint.remove(Checkpoint.named("nowhere", parent))


def test_what_an_interrupted_run_has_left_is_no_checkpoint(parent: Path) -> None:
    saved = made(parent, "hv1")
    (parent / ".now.partial").mkdir()
    assert [each.name for each in list_checkpoints(parent)] == ["before"]
    checkpoint.remove(saved)
    assert list_checkpoints(parent) == []


def test_what_an_interrupted_run_has_left_goes_with_the_next_whatever_its_name(parent: Path) -> None:
    host("hv1")
    for leftover in (".other.partial", ".other.gone"):
        (parent / leftover).mkdir()
    checkpoint.remove(made(parent, "hv1"))
    assert [path.name for path in parent.iterdir()] == [".other.partial"], "another run may be making it"
    with pytest.raises(LabError, match="neither runs nor is suspended"):
        checkpoint.save(Checkpoint.named("now", parent), ["hv1"], quiet)
    assert list(parent.iterdir()) == []


def test_a_checkpoint_has_a_size(parent: Path) -> None:
    saved = made(parent, "hv1")
    (saved.folder / "hv1" / "memory").write_bytes(b"x" * 2**20)
    assert saved.size >= 2**20
