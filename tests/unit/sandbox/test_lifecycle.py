"""What the next run makes of a sandbox host at which another run was killed."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from minetlab.images.toolbox import Toolbox
from minetlab.sandbox import lifecycle, list_hosts, qmp, remove, resume
from minetlab.sandbox.accelerator import Accelerator
from minetlab.sandbox.identity import ensure_identity
from minetlab.sandbox.lifecycle import connection, settle, start
from minetlab.sandbox.machine import Connection, SandboxHost, sandbox_dir
from minetlab.sandbox.platform import Platform
from minetlab.sandbox.replace import all_at_once
from minetlab.sandbox.saved import SavedMemory, suspended
from minetlab.sandbox.spec import SandboxSpec
from minetlab.util.errors import LabError
from tests.support.qemu import TCG, Monitor


def test_what_was_being_made_when_a_run_was_killed_is_ended(
    machine: SandboxHost, qemu: subprocess.Popen[bytes]
) -> None:
    settle(machine, print)
    assert qemu.wait(5) < 0


def test_a_process_beside_a_saved_memory_is_ended(made: SandboxHost, qemu: subprocess.Popen[bytes]) -> None:
    suspended(made).folder.mkdir()
    settle(made, print)
    assert qemu.wait(5) < 0
    assert suspended(made).exists


@pytest.mark.parametrize("state", ["paused", "postmigrate", "finish-migrate"])
def test_a_host_that_a_killed_run_was_saving_goes_on(
    made: SandboxHost, qemu: subprocess.Popen[bytes], monitor: Monitor, state: str
) -> None:
    monitor.state = state
    said: list[str] = []
    settle(made, said.append)
    assert [each for each in monitor if each in {"migrate_cancel", "cont"}] == ["migrate_cancel", "cont"]
    assert said[0] == "resuming it: an earlier run was interrupted while saving or resuming it"
    assert made.pid == qemu.pid


def test_a_host_that_has_no_room_to_write_is_left_standing_and_said(
    made: SandboxHost, qemu: subprocess.Popen[bytes], monitor: Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "WRITES_AGAIN", 0.0)
    monitor.state = monitor.after_cont = "io-error"
    with pytest.raises(LabError, match=r"hv1 is stopped: there is no room(?s:.)*free some disk"):
        settle(made, print)
    assert made.pid == qemu.pid
    monitor.after_cont = "running"
    settle(made, print)
    assert "migrate_cancel" not in monitor


class Resumed(list[str]):
    """The hosts that were let go on, with their clock set."""

    def go_on(self, machine: SandboxHost, accelerator: Accelerator, progress: Any) -> None:
        self.append(machine.name)
        machine.clock_stopped.unlink()


@pytest.fixture
def resumed(monkeypatch: pytest.MonkeyPatch) -> Resumed:
    resumed = Resumed()
    monkeypatch.setattr(resume, "go_on", resumed.go_on)
    return resumed


def test_the_clock_of_a_host_is_set_that_a_killed_run_only_had_go_on(
    made: SandboxHost, qemu: subprocess.Popen[bytes], monitor: Monitor, resumed: Resumed
) -> None:
    """It runs, and nothing else tells that its clock is behind and that its guests stand still."""
    settle(made, print)
    assert resumed == []
    made.clock_stopped.touch()
    settle(made, print)
    settle(made, print)
    assert resumed == ["hv1"]


def test_whoever_connects_to_such_a_host_has_its_clock_set_first(
    made: SandboxHost, qemu: subprocess.Popen[bytes], monitor: Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    ensure_identity(made.folder, "hv1")

    def stand_in(name: str, spec: SandboxSpec, progress: Any) -> Connection:
        started.append(name)
        return made.connection()

    monkeypatch.setattr(lifecycle, "start", stand_in)
    connection("hv1")
    assert started == []
    made.clock_stopped.touch()
    connection("hv1")
    assert started == ["hv1"]


def test_a_failure_to_set_a_clock_is_said_once(
    made: SandboxHost, qemu: subprocess.Popen[bytes], monitor: Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resume, "RESUME_LIMIT", 0.1)
    said: list[str] = []
    made.clock_stopped.touch()
    settle(made, said.append)
    settle(made, said.append)
    assert [line for line in said if "parts of it may be wrong" in line] == said[1:]
    assert len(said) == 2


def test_a_memory_that_is_not_written_in_time_is_given_up_before_the_host_goes_on(
    machine: SandboxHost, monitor: Monitor
) -> None:
    """A machine that runs while its memory is written is stopped by QEMU at the end of that."""
    monitor.migration = ("active", "cancelling", "cancelling", "cancelled")
    with pytest.raises(TimeoutError, match="QEMU has not finished after 0 s"):
        qmp.migrate(machine.qmp_socket, Path("/dev/null"), limit=0)
    asked = monitor[monitor.index("migrate_cancel") :]
    assert asked.count("query-migrate") == 3


@pytest.mark.parametrize(
    "failure", [TimeoutError("not after 600 s"), FileNotFoundError("qmp.sock"), ConnectionError("ended")]
)
def test_a_memory_that_qemu_does_not_refuse_is_kept(
    made: SandboxHost, monkeypatch: pytest.MonkeyPatch, failure: OSError
) -> None:
    monkeypatch.setattr(lifecycle, "ensure_toolbox", lambda progress: None)
    monkeypatch.setattr(lifecycle, "_kept_image", lambda machine, spec, progress: Path("/i"))
    platform = Platform(SandboxSpec(), (), Path("/i"), TCG, Toolbox(Path("/nowhere")))
    monkeypatch.setattr(lifecycle, "platform_of", lambda *of: platform)
    monkeypatch.setattr(lifecycle, "launch", lambda machine, platform, incoming: None)
    monkeypatch.setattr(SavedMemory, "obstacle", lambda *of: None)
    suspended(made).folder.mkdir()

    def fail(memory: SavedMemory, machine: SandboxHost) -> None:
        raise failure

    monkeypatch.setattr(SavedMemory, "load", fail)
    with pytest.raises(LabError, match=rf"{failure}; its memory is kept(?s:.)*--shutdown hv1"):
        start("hv1", SandboxSpec(), print)
    assert suspended(made).exists


@pytest.mark.parametrize("saved", [True, False])
def test_after_ctrl_c_a_host_goes_on_unless_it_is_saved(
    made: SandboxHost, resumed: Resumed, monkeypatch: pytest.MonkeyPatch, saved: bool
) -> None:
    """Beside its saved memory it must not run: what it does then would be lost."""

    def interrupted(memory: SavedMemory, machine: SandboxHost, platform: Platform, image: str) -> None:
        machine.clock_stopped.touch()
        if saved:
            memory.folder.mkdir()
        raise KeyboardInterrupt

    monkeypatch.setattr(lifecycle, "ensure_toolbox", lambda progress: None)
    monkeypatch.setattr(resume, "agent_answers", lambda machine, accelerator: True)
    monkeypatch.setattr(SavedMemory, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        lifecycle._suspend(made, print)
    assert resumed == ([] if saved else ["hv1"])


def test_the_clock_is_set_of_a_host_that_had_no_room_to_write(
    made: SandboxHost,
    qemu: subprocess.Popen[bytes],
    monitor: Monitor,
    resumed: Resumed,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lifecycle, "WRITES_AGAIN", 0.0)
    monitor.state = "io-error"
    settle(made, print)
    assert resumed == ["hv1"]


def test_what_was_being_saved_or_removed_goes(made: SandboxHost) -> None:
    folder = suspended(made).folder
    for leftover in (".suspended.partial", ".suspended.gone"):
        (folder.parent / leftover).mkdir()
    settle(made, print)
    assert [path.name for path in made.folder.iterdir()] == ["machine.json"]


@pytest.fixture
def hosts(made: SandboxHost) -> list[SandboxHost]:
    """Two hosts with a disk each, of which a third run may make others."""
    other = SandboxHost("ct1")
    other.folder.mkdir()
    hosts = [other, made]
    for host in hosts:
        host.disk.write_text("old")
    return hosts


def new_disk(machine: SandboxHost, folder: Path) -> None:
    folder.mkdir()
    (folder / machine.disk.name).write_text("new")


def disks(hosts: list[SandboxHost]) -> list[str]:
    return [host.disk.read_text() for host in hosts]


def in_state_folder() -> list[str]:
    return sorted(path.name for path in sandbox_dir().iterdir())


def test_replacements_that_were_not_all_made_go(hosts: list[SandboxHost]) -> None:
    """A signal ends a run without a word."""
    partial = sandbox_dir() / ".ct1.replacements.partial"
    partial.mkdir()
    new_disk(hosts[0], partial / "ct1")
    for host in hosts:
        settle(host, print)
    assert disks(hosts) == ["old", "old"]
    assert in_state_folder() == ["ct1", "hv1"]


def test_a_host_that_is_about_to_be_replaced_is_listed_and_can_be_removed(hosts: list[SandboxHost]) -> None:
    ready = sandbox_dir() / ".ct1.0.replacements"
    ready.mkdir()
    new_disk(hosts[0], ready / "ct2")
    assert [host.name for host in list_hosts()] == ["ct1", "ct2", "hv1"]
    remove("ct2", print)
    assert in_state_folder() == [".ct2.lock", "ct1", "hv1"]


def test_all_hosts_are_replaced(hosts: list[SandboxHost]) -> None:
    all_at_once(hosts, new_disk)
    assert disks(hosts) == ["new", "new"]
    assert in_state_folder() == ["ct1", "hv1"]


def test_no_host_is_replaced_where_one_cannot_be(hosts: list[SandboxHost]) -> None:
    def full(machine: SandboxHost, folder: Path) -> None:
        if machine.name == "hv1":
            raise OSError("No space left on device")
        new_disk(machine, folder)

    with pytest.raises(OSError, match="No space left"):
        all_at_once(hosts, full)
    assert disks(hosts) == ["old", "old"]
    assert in_state_folder() == ["ct1", "hv1"]


class Killed(BaseException):
    """What stands for a signal: nothing handles it."""


def test_a_run_that_is_killed_replaces_all_hosts_or_none(
    hosts: list[SandboxHost], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed at each renaming of a folder, and before the first."""
    rename, renamings = Path.rename, [0]

    def killed_at(last: int) -> None:
        renamings[0] = last

        def rename_or_die(path: Path, target: Path) -> Path:
            if not renamings[0]:
                raise Killed
            renamings[0] -= 1
            return rename(path, target)

        monkeypatch.setattr(Path, "rename", rename_or_die)

    for last in range(6):
        for host in hosts:
            host.disk.write_text("old")
        killed_at(last)
        if last < 5:
            with pytest.raises(Killed):
                all_at_once(hosts, new_disk)
        else:
            all_at_once(hosts, new_disk)
        monkeypatch.setattr(Path, "rename", rename)
        for host in hosts:
            settle(host, print)
        assert disks(hosts) == (["new", "new"] if last else ["old", "old"]), f"killed at renaming {last}"
        assert in_state_folder() == ["ct1", "hv1"]


@pytest.mark.parametrize("state", ["guest-panicked", "internal-error", "prelaunch", "shutdown", "watchdog"])
@pytest.mark.parametrize("clock_stopped", [True, False])
def test_a_host_that_stands_for_another_reason_is_left_as_it_is(
    made: SandboxHost, qemu: subprocess.Popen[bytes], monitor: Monitor, state: str, clock_stopped: bool
) -> None:
    monitor.state = state
    if clock_stopped:
        made.clock_stopped.touch()
    settle(made, print)
    assert set(monitor) == {"qmp_capabilities", "query-status"}
    assert made.pid == qemu.pid


@pytest.mark.parametrize("then", ["guest-panicked", "running"])
@pytest.mark.usefixtures("qemu")
def test_a_host_that_has_room_again_is_resumed_whatever_it_does_then(
    made: SandboxHost, monitor: Monitor, resumed: Resumed, monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    monkeypatch.setattr(lifecycle, "WRITES_AGAIN", 0.0)
    monitor.state, monitor.after_cont = "io-error", then
    said: list[str] = []
    settle(made, said.append)
    assert said == ["resuming it: its disk has room again"]
    assert resumed == ["hv1"]


@pytest.mark.parametrize(("state", "starts"), [("paused", 1), ("running", 0), ("save-vm", 1)])
@pytest.mark.usefixtures("qemu")
def test_whoever_connects_to_a_host_that_stands_still_has_it_started(
    made: SandboxHost, monitor: Monitor, monkeypatch: pytest.MonkeyPatch, state: str, starts: int
) -> None:
    ensure_identity(made.folder, "hv1")
    started: list[SandboxSpec] = []

    def stand_in(name: str, spec: SandboxSpec, progress: Any) -> Connection:
        started.append(spec)
        return made.connection()

    monkeypatch.setattr(lifecycle, "start", stand_in)
    monitor.state = state
    connection("hv1")
    assert started == [SandboxSpec()] * starts


def test_a_host_that_runs_and_says_nothing_is_not_started_again(
    made: SandboxHost, qemu: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "start", lambda *of: pytest.fail("is started"))
    with pytest.raises(LabError, match="its QEMU does not answer"):
        connection("hv1")


@pytest.mark.parametrize("spec", [SandboxSpec(debian=12), SandboxSpec(disk=8), SandboxSpec(disk=9)])
def test_another_disk_is_refused_for_a_host_that_does_not_run(made: SandboxHost, spec: SandboxSpec) -> None:
    made.disk.write_text("work")
    with pytest.raises(LabError, match="was made as Debian 13, warm, 64 GiB; the inventory now says"):
        lifecycle._kept_image(made, spec, print)


def test_a_host_without_a_disk_has_no_image_to_keep(machine: SandboxHost, made: SandboxHost) -> None:
    assert lifecycle._kept_image(made, SandboxSpec(debian=12), print) is None
