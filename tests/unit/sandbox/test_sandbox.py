"""A sandbox host from its making to its removal, with a stand-in for its QEMU."""

import os
import re
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from minetlab.images.cache import record_checksum
from minetlab.sandbox import (
    SandboxHostState,
    connection,
    lifecycle,
    list_hosts,
    machine,
    ssh_argv,
    start,
    stop,
    trial,
)
from minetlab.sandbox.accelerator import Accelerator
from minetlab.sandbox.booted import BootedImage
from minetlab.sandbox.checkpoint import Checkpoint, CheckpointManifest
from minetlab.sandbox.machine import HostRecord, SandboxHost
from minetlab.sandbox.platform import Platform, SandboxHardware
from minetlab.sandbox.prune import CacheEntry
from minetlab.sandbox.saved import MemoryManifest, SavedMemory, suspended
from minetlab.sandbox.spec import SandboxSpec
from minetlab.util.errors import LabError
from tests.support.fake_toolbox import SMALL, FakeToolbox

LARGER = SMALL.model_copy(update={"memory": 600})


def suspend(toolbox: FakeToolbox, spec: SandboxSpec = SMALL) -> SandboxHost:
    """A host that was made and suspended."""
    start("hv1", spec, print)
    stop("hv1", print)
    host = SandboxHost("hv1")
    assert host.pid is None
    assert suspended(host).exists
    return host


def test_a_host_is_made_from_the_state_of_one_that_has_booted(toolbox: FakeToolbox, image: Path) -> None:
    said: list[str] = []
    reached = start("hv1", SMALL, said.append, ["kvm_hosts", "container_hosts"])
    host = SandboxHost("hv1")
    assert host.connection() == reached
    assert toolbox.did("starts", "prepare.sh", "saving", "loading", "cont", "resume.sh") == [
        "starts",
        "prepare.sh",
        "saving memory of template",
        "starts",
        "loading memory of template",
        "cont",
        "resume.sh",
    ]
    (prepared,), (resumed,) = toolbox.scripts("prepare.sh"), toolbox.scripts("resume.sh")
    groups = ["container_hosts", "kvm_hosts"]
    assert prepared["words"] == ["sh", "-c", "prepare.sh", *groups]
    assert resumed["words"][-4:] == ["60.0", "new", *groups]
    record = host.record
    assert record is not None
    assert record.booted is not None
    assert record.booted_sha256 is not None
    assert host.disk.read_text() == f"on {os.path.relpath(record.booted, host.folder)}\n"
    assert (record.spec, record.image, record.accelerator.name) == (SMALL, image, "tcg")
    assert record.hardware is not None
    assert said[-1].startswith(f"resumed from {image.stem}-")
    assert stat.S_IMODE(host.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(host.disk.stat().st_mode) == 0o600
    assert len(list((toolbox.root.parents[1] / "users").iterdir())) == 1


def test_the_next_host_of_a_kind_boots_nothing(toolbox: FakeToolbox, image: Path) -> None:
    start("hv1", SMALL, print)
    start("hv2", SMALL, print)
    assert toolbox.did("starts", "prepare.sh") == ["starts", "prepare.sh", "starts", "starts"]
    hosts = list_hosts()
    assert [(host.name, host.suspended) for host in hosts] == [("hv1", False), ("hv2", False)]
    assert [host.record and host.record.accelerator.name for host in hosts] == ["tcg", "tcg"]


def test_what_is_left_of_a_host_that_was_not_made_whole_goes(toolbox: FakeToolbox, image: Path) -> None:
    host = SandboxHost("hv1")
    suspended(host).folder.mkdir(parents=True)
    host.disk.write_text("half")
    host.clock_stopped.touch()
    start("hv1", SMALL, print)
    assert host.disk.read_text().startswith("on ")
    assert not host.clock_stopped.exists()
    assert not suspended(host).exists


def test_a_host_that_runs_is_left_as_it_is(toolbox: FakeToolbox, image: Path) -> None:
    reached = start("hv1", SMALL, print)
    said: list[str] = []
    assert start("hv1", SMALL, said.append) == reached
    assert [line for line in said if "other hardware" in line] == []
    assert start("hv1", LARGER, said.append) == reached
    assert "already runs, with other hardware than the inventory says" in said[-2]
    assert len(toolbox.did("starts")) == 2


def test_a_host_boots_where_a_saved_state_cannot_be_loaded(toolbox: FakeToolbox, image: Path) -> None:
    toolbox.behave(loading="no such device")
    said: list[str] = []
    start("hv1", SMALL, said.append)
    host = SandboxHost("hv1")
    assert "booting instead of resuming from a saved state: no such device" in said
    assert host.record is not None
    assert (host.record.booted, host.record.booted_sha256) == (None, None)
    assert host.disk.read_text() == f"on {os.path.relpath(image, host.folder)}\n"
    assert [entry["host"] for entry in toolbox.log if entry["did"] == "starts"] == ["template", "hv1", "hv1"]


def test_a_suspended_host_goes_on(toolbox: FakeToolbox, image: Path) -> None:
    host = suspend(toolbox)
    assert [(each.suspended, each.pid) for each in list_hosts()] == [(True, None)]
    said: list[str] = []
    start("hv1", SMALL, said.append)
    assert toolbox.did("loading")[-1] == "loading memory of hv1"
    assert said[-1].startswith("resumed (")
    assert not suspended(host).exists
    assert not host.clock_stopped.exists()
    assert [(each.suspended, each.pid) for each in list_hosts()] == [(False, host.pid)]


def test_whoever_connects_to_a_suspended_host_has_it_go_on(
    toolbox: FakeToolbox, image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    host = suspend(toolbox)
    reached = connection("hv1")
    assert reached == host.connection()
    assert re.search(r"^\[hv1\] resumed \(", capsys.readouterr().err, re.MULTILINE)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (lambda host: (suspended(host).folder / "memory").write_text("?"), "the checksum does not match"),
        (lambda host: host.disk.write_text("on something else"), "its disk was written to since"),
        (None, "QEMU does not take it: no such device"),
    ],
)
def test_a_host_boots_where_its_memory_cannot_be_used(
    toolbox: FakeToolbox, image: Path, wrong: Any, why: str
) -> None:
    host = suspend(toolbox)
    if wrong:
        wrong(host)
    else:
        toolbox.behave(loading="no such device")
    said: list[str] = []
    start("hv1", SMALL, said.append)
    assert [line for line in said if line.startswith("its saved memory is not used: ") and why in line]
    assert "booting with accelerator tcg: for the test" in said
    assert "-incoming" not in [entry for entry in toolbox.log if entry["did"] == "starts"][-1]["arguments"]
    assert not suspended(host).exists
    assert not host.clock_stopped.exists()


def test_a_host_that_is_shut_down_boots_with_what_the_inventory_says(
    toolbox: FakeToolbox, image: Path
) -> None:
    start("hv1", SMALL, print)
    said: list[str] = []
    stop("hv1", said.append, shutdown=True)
    assert said == ["shutting down"]
    assert toolbox.did("system_powerdown", "migrate")[-1] == "system_powerdown"
    host = SandboxHost("hv1")
    assert not suspended(host).exists
    start("hv1", LARGER, print)
    assert host.record is not None
    assert host.record.spec == LARGER
    last = [entry for entry in toolbox.log if entry["did"] == "starts"][-1]
    assert last["arguments"][last["arguments"].index("-m") + 1] == "600"


def test_a_host_that_stays_up_is_ended(
    toolbox: FakeToolbox, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "HOST_SHUTDOWN_LIMIT", 0.2)
    start("hv1", SMALL, print)
    toolbox.behave(stays_up=True)
    said: list[str] = []
    stop("hv1", said.append, shutdown=True)
    assert said == ["shutting down", "still up after 0 s: ending it"]
    assert SandboxHost("hv1").pid is None


def test_the_memory_of_a_suspended_host_goes_with_a_shutdown_only(toolbox: FakeToolbox, image: Path) -> None:
    host = suspend(toolbox)
    said: list[str] = []
    stop("hv1", said.append)
    assert said == []
    assert suspended(host).exists
    for _ in range(2):
        stop("hv1", said.append, shutdown=True)
    assert said == ["its saved memory is removed: the next start boots it"]
    assert not suspended(host).exists


def test_a_host_that_cannot_be_suspended_is_shut_down(
    toolbox: FakeToolbox, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start("hv1", SMALL, print)
    monkeypatch.setattr(trial, "obstacle", lambda platform, progress: "its kernel is too old")
    said: list[str] = []
    stop("hv1", said.append)
    assert said == ["cannot be suspended: its kernel is too old", "shutting down"]
    assert SandboxHost("hv1").pid is None


def test_a_process_of_a_host_that_was_never_made_cannot_be_suspended(machine: SandboxHost) -> None:
    assert lifecycle._suspend(machine, print) == "it is not known what it was made of"


def test_a_host_whose_memory_cannot_be_saved_runs_on(toolbox: FakeToolbox, image: Path) -> None:
    start("hv1", SMALL, print)
    toolbox.behave(saving="no room")
    with pytest.raises(LabError, match="cannot save the memory of sandbox host hv1: no room"):
        stop("hv1", print)
    host = SandboxHost("hv1")
    assert toolbox.did("stop", "cont", "resume.sh")[-3:] == ["stop", "cont", "resume.sh"]
    assert host.pid is not None
    assert not host.clock_stopped.exists()


def test_a_host_whose_image_is_another_one_now_starts_anew(toolbox: FakeToolbox, image: Path) -> None:
    host = suspend(toolbox)
    image.write_text("Debian of another day")
    record_checksum(image, image)
    said: list[str] = []
    start("hv1", SMALL, said.append)
    assert said[0] == f"its image {image} is gone or damaged: starting with a new disk"
    assert not suspended(host).exists
    assert toolbox.did("loading")[-1] == "loading memory of template"


@pytest.mark.parametrize(("available", "enough"), [(711, False), (712, True)])
def test_a_host_needs_its_memory_and_qemus(
    toolbox: FakeToolbox, image: Path, monkeypatch: pytest.MonkeyPatch, available: int, enough: bool
) -> None:
    monkeypatch.setattr(lifecycle, "available_memory", lambda: available)
    if enough:
        start("hv1", SMALL, print)
    else:
        with pytest.raises(LabError, match="hv1 needs 712 MiB of memory, 711 MiB are available"):
            start("hv1", SMALL, print)


def test_the_available_memory_is_the_kernels() -> None:
    found = re.search(r"MemAvailable: +(\d+) kB", Path("/proc/meminfo").read_text())
    assert found
    assert lifecycle.available_memory() == pytest.approx(int(found[1]) / 1024, rel=0.2)


def test_the_available_memory_is_in_mib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_text", lambda _: "MemTotal: 9999999 kB\nMemAvailable:  2097151 kB\n")
    assert lifecycle.available_memory() == 2047


def test_a_forwarded_port_is_the_same_after_the_next_start(toolbox: FakeToolbox, image: Path) -> None:
    start("hv1", SMALL, print)
    assert SandboxHost("hv1").forward(80) == 40080
    assert SandboxHost("hv1").forward(80) == 40080
    stop("hv1", print)
    with pytest.raises(LabError, match="hv1 does not run"):
        SandboxHost("hv1").forward(80)
    start("hv1", SMALL, print)
    asked = [entry["command-line"] for entry in toolbox.log if entry.get("command-line", "").startswith("h")]
    assert asked == ["hostfwd_add net tcp:127.0.0.1:0-:80", "hostfwd_add net tcp:127.0.0.1:40080-:80"]
    stop("hv1", print)
    toolbox.behave(taken=[40080])
    start("hv1", SMALL, print)
    assert toolbox.log[-1]["command-line"] == "info usernet"
    host = SandboxHost("hv1")
    assert host.record is not None
    assert host.record.forwards == {80: 40080}


def test_an_interactive_login_has_no_command(toolbox: FakeToolbox, image: Path) -> None:
    reached = start("hv1", SMALL, print)
    assert ssh_argv("hv1") == [
        *("ssh", "-F", "none", "-p", str(reached.port)),
        *("-o", f"IdentityFile={reached.key}", "-o", "IdentitiesOnly=yes"),
        *("-o", f"UserKnownHostsFile={reached.known_hosts}", "-o", "StrictHostKeyChecking=yes"),
        *("-o", "LogLevel=ERROR", "-o", "ConnectTimeout=60", "root@127.0.0.1"),
    ]


def test_a_list_of_hosts_shows_what_is_known(made: SandboxHost) -> None:
    assert [(host.record, host.disk_bytes) for host in list_hosts()] == [(made.record, 0)]
    assert made.record is not None
    assert (made.record.spec, made.record.accelerator.reason) == (SandboxSpec(), "for the test")
    made.disk.write_bytes(b"x" * 100_000)
    (made.folder / "machine.json").write_text("{")
    (made.folder.parent / ".hidden").mkdir()
    (made.folder.parent / "file").touch()
    (host,) = list_hosts()
    assert host.record is None
    assert 100_000 <= host.disk_bytes == made.disk.stat().st_blocks * 512 < 300_000


HARDWARE = SandboxHardware(qemu="", arguments="", accelerator="", processor="")
TCG = Accelerator("tcg", "")
NOW = datetime.now(UTC)


@pytest.mark.parametrize(
    "known",
    [
        TCG,
        HARDWARE,
        SMALL,
        SandboxHostState("hv1", None, None, suspended=False, disk_bytes=0),
        BootedImage(Path()),
        Checkpoint(Path()),
        CheckpointManifest(saved=NOW, made_of="", disks={}),
        machine.Connection("", 0, "", Path(), Path()),
        HostRecord(spec=SMALL, image=Path(), image_sha256="", accelerator=TCG),
        Platform(SMALL, (), Path(), TCG, None),  # type: ignore[arg-type]
        CacheEntry((), Path(), needed=True),
        MemoryManifest(hardware=HARDWARE, disk=(0, 0), image_sha256="", memory_xxh128="", saved=NOW),
        SavedMemory(Path()),
    ],
    ids=lambda known: type(known).__name__,
)
def test_what_is_known_of_a_host_stays_as_it_was_seen(known: Any) -> None:
    field = next(iter(getattr(type(known), "model_fields", None) or type(known).__dataclass_fields__))
    with pytest.raises((AttributeError, ValueError), match=r"frozen|cannot assign"):
        setattr(known, field, getattr(known, field))
