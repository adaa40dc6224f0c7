"""What a checkpoint has of its hosts, what it is refused for, and that nothing is touched by then."""

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from minetlab.images import Progress
from minetlab.sandbox import checkpoint, start, stop, trial
from minetlab.sandbox.accelerator import Accelerator
from minetlab.sandbox.checkpoint import (
    CHECKPOINT_MANIFEST,
    Checkpoint,
    CheckpointManifest,
    UnusableCheckpointError,
    list_checkpoints,
)
from minetlab.sandbox.machine import HostRecord, SandboxHost, sandbox_dir
from minetlab.sandbox.saved import suspended
from minetlab.sandbox.spec import SandboxSpec
from minetlab.util.errors import LabError
from tests.support.fake_toolbox import SMALL, FakeToolbox


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


@pytest.fixture
def lab(toolbox: FakeToolbox, image: Path) -> Checkpoint:
    """A checkpoint, not saved yet, of a host that runs and another one that is suspended."""
    for name in ("hv1", "ct1"):
        start(name, SMALL, print)
    stop("ct1", print)
    return Checkpoint.named("before", sandbox_dir().parent / "labs" / "minet" / "checkpoints")


HOSTS = ("hv1", "ct1")


def test_all_hosts_are_saved_and_go_on(lab: Checkpoint, toolbox: FakeToolbox) -> None:
    before = len(toolbox.log)
    checkpoint.save(lab, HOSTS, quiet, made_of="hash")
    assert [entry["did"] for entry in toolbox.log[before:] if entry["did"] in {"stop", "cont"}] == [
        *("stop", "cont", "cont")
    ]
    assert len(toolbox.scripts("freeze.sh")) == 3
    hv1, ct1 = (SandboxHost(name) for name in HOSTS)
    assert (hv1.pid is None, ct1.pid is None) == (False, True)
    assert suspended(ct1).exists
    assert not hv1.clock_stopped.exists()
    manifest = lab.manifest
    assert manifest is not None
    assert manifest.made_of == "hash"
    assert set(manifest.disks) == set(manifest.identities) == set(HOSTS)
    for name in HOSTS:
        kept = lab.folder / name
        assert {path.name for path in kept.iterdir()} == {*checkpoint.KEPT, "suspended"}
        assert (kept / "suspended" / "memory").read_text() == f"memory of {name}"
        assert (kept / "host_key").read_text() == (SandboxHost(name).folder / "host_key").read_text()
        assert stat.S_IMODE(kept.stat().st_mode) == 0o700
    assert stat.S_IMODE(lab.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(lab.folder.parent.stat().st_mode) == 0o700
    assert list_checkpoints(lab.folder.parent) == [lab]
    assert (lab.folder / CHECKPOINT_MANIFEST).read_text().startswith('{\n  "saved"')
    assert checkpoint.obstacle(lab, HOSTS, quiet) is None


def test_hosts_are_put_back(lab: Checkpoint, toolbox: FakeToolbox) -> None:
    checkpoint.save(lab, HOSTS, quiet)
    keys = [(SandboxHost(name).folder / "host_key").read_text() for name in HOSTS]
    with pytest.raises(LabError, match="no host may run during a restore, and these do: hv1\n"):
        checkpoint.restore(lab, HOSTS, quiet)
    stop("hv1", print)
    for name in HOSTS:
        (SandboxHost(name).folder / "host_key").write_text("another")
        SandboxHost(name).disk.write_text("later")
    (lab.folder.with_name(".other.partial")).mkdir()
    before = len(toolbox.log)
    checkpoint.restore(lab, iter(HOSTS), quiet)
    assert [(SandboxHost(name).folder / "host_key").read_text() for name in HOSTS] == keys
    loaded = {entry["did"] for entry in toolbox.log[before:] if entry["did"].startswith("loading")}
    assert loaded == {"loading memory of hv1", "loading memory of ct1"}
    assert all(SandboxHost(name).pid for name in HOSTS)
    assert list_checkpoints(lab.folder.parent) == [lab]
    assert [path.name for path in lab.folder.parent.iterdir()] == ["before"]


@pytest.mark.parametrize(
    ("file", "why"),
    [
        ("disk.qcow2", "its disk is damaged: the checksum does not match"),
        ("suspended/memory", "its memory is damaged"),
        ("suspended/state.json", "it is not whole"),
        ("host_key", "its record or its keys are damaged"),
    ],
)
def test_one_that_is_damaged_is_refused_in_words(lab: Checkpoint, file: str, why: str) -> None:
    checkpoint.save(lab, HOSTS, quiet)
    (lab.folder / "ct1" / file).write_text("?")
    assert str(checkpoint.obstacle(lab, HOSTS, quiet)).startswith(f"ct1: {why}")


def test_one_without_a_disk_is_not_whole(lab: Checkpoint) -> None:
    checkpoint.save(lab, HOSTS, quiet)
    (lab.folder / "ct1" / "disk.qcow2").unlink()
    assert checkpoint.obstacle(lab, HOSTS, quiet) == "ct1: it is not whole"


def test_where_saved_states_cannot_be_tried_a_checkpoint_is_refused(
    lab: Checkpoint, monkeypatch: pytest.MonkeyPatch, toolbox: FakeToolbox
) -> None:
    checkpoint.save(lab, HOSTS, quiet)
    monkeypatch.setattr(trial, "obstacle", lambda platform, progress: "its kernel is too old")
    assert checkpoint.obstacle(lab, HOSTS, quiet) == "ct1: its kernel is too old"
    with pytest.raises(LabError, match="sandbox host hv1 cannot be saved: its kernel is too old"):
        checkpoint.save(Checkpoint(lab.folder.with_name("next")), HOSTS, quiet)
    assert len(toolbox.scripts("freeze.sh")) == 3


def test_hosts_go_on_where_one_cannot_be_saved(lab: Checkpoint, toolbox: FakeToolbox) -> None:
    start("ct1", SMALL, print)
    toolbox.behave(saving="no room")
    before = len(toolbox.log)
    with pytest.raises(LabError, match="cannot save the memory of sandbox host ct1: no room"):
        checkpoint.save(lab, HOSTS, quiet)
    did = [(entry["host"], entry["did"]) for entry in toolbox.log[before:]]
    assert did.index(("hv1", "stop")) < did.index(("ct1", "migrate")), "all stop before the first is saved"
    assert {host for host, what in did if what == "cont"} == set(HOSTS)
    assert list(lab.folder.parent.iterdir()) == []
    assert not any(SandboxHost(name).clock_stopped.exists() for name in HOSTS)


def test_a_checkpoint_needs_room_for_disks_and_memories(
    lab: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed: list[float] = []
    monkeypatch.setattr(
        checkpoint, "require_free_space", lambda folder, gib, label: needed.append(gib * 2**30)
    )
    hv1, ct1 = (SandboxHost(name) for name in HOSTS)
    ct1.disk.write_bytes(b"x" * 2**20)
    disks = sum(host.disk.stat().st_blocks * 512 for host in (hv1, ct1))
    assert disks > 2**20
    checkpoint.save(lab, HOSTS, quiet)
    resident = hv1.resident_gib * 2**30
    assert needed == [pytest.approx(disks + suspended(ct1).size + resident, abs=2**20)]
    stop("hv1", print)
    monkeypatch.setattr(checkpoint, "_obstacle_to", lambda *of: None)
    checkpoint.restore(lab, HOSTS, quiet)
    assert needed[1:] == [lab.size]


def test_a_host_that_does_not_come_up_fails_the_restore(
    lab: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(machine: SandboxHost, progress: Progress) -> None:
        raise LabError(f"{machine.name} is not up", next_step="")

    checkpoint.save(lab, HOSTS, quiet)
    stop("hv1", print)
    monkeypatch.setattr(checkpoint, "_start", fail)
    with pytest.raises(LabError, match="is not up"):
        checkpoint.restore(lab, HOSTS, quiet)


def test_hosts_are_locked_and_settled_in_the_order_of_their_names(
    lab: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    monkeypatch.setattr(checkpoint, "settle", lambda machine, progress: done.append(machine.name))
    checkpoint.save(lab, HOSTS, quiet)
    assert done == ["ct1", "hv1"]
