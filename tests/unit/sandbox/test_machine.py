"""One sandbox host: its files, its process, its address, and how it is waited for."""

import os
import re
import stat
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from minetlab.sandbox import connection, launch, list_hosts, remove, resume, ssh_argv, stop
from minetlab.sandbox.accelerator import kvm_obstacle
from minetlab.sandbox.identity import ensure_identity, pin_host_key
from minetlab.sandbox.launch import wait_for_ssh
from minetlab.sandbox.lifecycle import settle, start
from minetlab.sandbox.machine import HostRecord, SandboxHost
from minetlab.sandbox.qemu import qemu_arguments
from minetlab.sandbox.qmp import execute, forward, forwarded_port
from minetlab.sandbox.spec import SandboxSpec, spec_of
from minetlab.util.errors import LabError
from tests.support.qemu import TCG, Monitor, wait_for


def test_the_defaults_are_a_spec() -> None:
    assert spec_of("hv1", memory=None, vcpus=4) == SandboxSpec(vcpus=4)


@pytest.mark.parametrize(
    ("field", "value"),
    [("memory", "4G"), ("memory", 1), ("vcpus", 0), ("debian", 11), ("image", "hot"), ("disk", True)],
)
def test_wrong_host_data_name_the_host_and_the_field(field: str, value: object) -> None:
    with pytest.raises(LabError, match=re.escape(f"sandbox host hv1: sandbox_{field} is {value!r}")):
        spec_of("hv1", **{field: value})


@pytest.mark.parametrize("name", ["", "HV1", "../up", "-x", "a" * 33])
def test_a_name_that_cannot_be_a_hosts_is_refused(name: str) -> None:
    with pytest.raises(LabError, match="cannot be the name of a sandbox host"):
        SandboxHost(name)


def test_qemu_is_told_all_and_no_secret_is_among_its_words(tmp_path: Path) -> None:
    folder = tmp_path / "a,b"
    folder.mkdir()
    credentials = ensure_identity(folder, "hv1")
    words = qemu_arguments("hv1", SandboxSpec(memory=3000, vcpus=3), TCG, folder, credentials)
    line = " ".join(words)
    assert "-m 3000 -smp 3" in line
    assert "-accel tcg,thread=multi -cpu max,svm=on," in line
    assert "hostfwd=tcp:127.0.0.1:0-:22" in line
    assert f"format=qcow2,file={tmp_path}/a,,b/disk.qcow2" in line
    assert f"name=opt/io.systemd.credentials/minetlab.host_key,file={tmp_path}/a,,b/host_key" in line
    assert (folder / "host_key").read_text() not in line
    assert ("-run-with" in words) == (os.geteuid() == 0), "which QEMU is not to stay"
    assert {oct((folder / key).stat().st_mode & 0o777) for key in ("host_key", "client_key")} == {"0o600"}


def test_keys_are_made_once_and_the_hosts_is_pinned(tmp_path: Path) -> None:
    ensure_identity(tmp_path, "hv1")
    key = (tmp_path / "host_key.pub").read_text()
    client = (tmp_path / "client_key.pub").read_text()
    (tmp_path / "client_key.pub").unlink()
    ensure_identity(tmp_path, "hv1")
    pin_host_key(tmp_path, 2222)
    assert (tmp_path / "host_key.pub").read_text() == key
    assert (tmp_path / "client_key.pub").read_text() == client
    assert (tmp_path / "known_hosts").read_text() == f"[127.0.0.1]:2222 {' '.join(key.split()[:2])}\n"


def test_a_record_is_read_back(machine: SandboxHost) -> None:
    record = HostRecord(spec=SandboxSpec(), image=Path("/i"), image_sha256="0", accelerator=TCG)
    assert machine.record is None
    machine.record = record
    assert machine.record == record


def test_a_host_whose_record_cannot_be_read_is_not_touched(
    made: SandboxHost, qemu: subprocess.Popen[bytes]
) -> None:
    """Another version wrote it, or it was cut short: nobody knows what it would be ended for."""
    (made.folder / "machine.json").write_text('{"spec": ')
    made.disk.write_text("work")
    for act in (
        lambda: start("hv1", SandboxSpec(), print),
        lambda: stop("hv1", print),
        lambda: settle(made, print),
    ):
        with pytest.raises(LabError, match=r"machine\.json cannot be read(?s:.)*use the version"):
            act()
    assert made.pid == qemu.pid
    assert made.disk.read_text() == "work"
    assert [host.name for host in list_hosts()] == ["hv1"]


def test_a_process_that_only_has_the_number_is_not_the_machine(machine: SandboxHost) -> None:
    (machine.folder / "qemu.pid").write_text(str(os.getpid()))
    assert machine.pid is None


def test_a_running_machine_is_seen_and_killed(machine: SandboxHost, qemu: subprocess.Popen[bytes]) -> None:
    assert [(host.name, host.pid) for host in list_hosts()] == [("hv1", qemu.pid)]
    machine.kill()
    assert qemu.wait(5) < 0
    assert machine.pid is None


def test_a_machine_that_does_not_answer_is_ended_only_by_a_shutdown(
    made: SandboxHost, qemu: subprocess.Popen[bytes]
) -> None:
    with pytest.raises(
        LabError, match=r"hv1 cannot be suspended: its guest agent does not answer(?s:.)*--shut"
    ):
        stop("hv1", print)
    assert made.pid == qemu.pid
    said: list[str] = []
    stop("hv1", said.append, shutdown=True)
    assert qemu.wait(5) < 0
    assert "no answer from its QEMU" in said[1]


def test_remove_leaves_nothing(machine: SandboxHost, qemu: subprocess.Popen[bytes]) -> None:
    machine.replaced.mkdir()
    remove("hv1", print)
    assert qemu.wait(5) < 0
    assert list_hosts() == []
    assert [path.name for path in machine.folder.parent.iterdir()] == [machine.lock_file.name]


def test_a_host_that_does_not_run_has_no_address(machine: SandboxHost) -> None:
    with pytest.raises(LabError, match="sandbox host hv1 does not run"):
        connection("hv1")


def test_another_image_for_an_existing_host_is_refused(
    made: SandboxHost, qemu: subprocess.Popen[bytes]
) -> None:
    with pytest.raises(LabError, match=r"made as Debian 13, warm, 64 GiB; .*Debian 12, warm, 64 GiB"):
        start("hv1", SandboxSpec(debian=12), print)


@pytest.mark.parametrize("new", [True, False])
def test_a_panic_shows_the_console_and_ends_a_machine_that_is_new(
    made: SandboxHost, qemu: subprocess.Popen[bytes], new: bool
) -> None:
    made.console.write_text("[1.0] up\n[2.0] Kernel panic - not syncing: no init\n")
    with pytest.raises(LabError, match=r"hv1 panicked(?s:.)*Kernel panic - not syncing: no init"):
        wait_for_ssh(made, TCG, print, new=new)
    assert made.pid == (None if new else qemu.pid)


def test_a_host_that_runs_and_does_not_answer_is_left_running(
    made: SandboxHost, qemu: subprocess.Popen[bytes], monitor: Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "HOST_BOOT_LIMIT", 0.0)
    ensure_identity(made.folder, "hv1")
    with pytest.raises(
        LabError, match=r"did not answer SSH within 0 s; it is left running(?s:.)*--shutdown hv1"
    ):
        start("hv1", SandboxSpec(), print)
    assert made.pid == qemu.pid


class Booting:
    """Stands in for a machine's agent and SSH server; SSH answers once the agent does."""

    silent = 0
    """How many questions the agent leaves without an answer."""

    def __init__(self) -> None:
        self.asked, self.knocks = 0, list[int]()

    def agent_answers(self, *_: object) -> bool:
        self.asked += 1
        return self.asked > self.silent

    def ssh_answers(self, *_: object, **__: object) -> bool:
        """Note how often the agent had been asked before this knock."""
        self.knocks.append(self.asked)
        return self.asked > self.silent


@pytest.fixture
def booting(
    made: SandboxHost, qemu: subprocess.Popen[bytes], monitor: Monitor, monkeypatch: pytest.MonkeyPatch
) -> Booting:
    """The machine, as it boots, with seconds to do so."""
    ensure_identity(made.folder, "hv1")
    booting = Booting()
    monkeypatch.setattr(resume, "agent_answers", booting.agent_answers)
    monkeypatch.setattr(launch, "_ssh_answers", booting.ssh_answers)
    monkeypatch.setattr(launch, "HOST_BOOT_LIMIT", 0.5)
    monkeypatch.setattr(launch, "KNOCK_ANYWAY", 0.5)
    return booting


def test_a_machine_that_boots_is_knocked_at_when_its_agent_is_there(
    made: SandboxHost, booting: Booting
) -> None:
    """An sshd refuses whoever has left fifteen times without a login."""
    booting.silent = 1
    assert wait_for_ssh(made, TCG, print).port == 35271
    assert booting.knocks == [0, 2]


def test_a_machine_whose_agent_says_nothing_is_knocked_at_a_few_times(
    made: SandboxHost, booting: Booting
) -> None:
    booting.silent = 1000
    with pytest.raises(LabError, match="hv1 did not answer SSH within"):
        wait_for_ssh(made, TCG, print)
    assert 1 < len(booting.knocks) <= 4 < booting.asked


def test_qmp_answers_and_refusals(machine: SandboxHost, monitor: Monitor) -> None:
    assert forwarded_port(machine.qmp_socket) == 35271
    with pytest.raises(OSError, match="no forwarded port"):
        forwarded_port(machine.qmp_socket, 2)
    del monitor[2:]
    assert monitor == ["qmp_capabilities", "human-monitor-command"]
    with pytest.raises(OSError, match=r"no$"):
        execute(machine.qmp_socket, "quit")


def test_a_port_is_forwarded_once(machine: SandboxHost, monitor: Monitor) -> None:
    assert forward(machine.qmp_socket, 22) == 35271
    del monitor[:]
    with pytest.raises(OSError, match="forwards no port to 8080"):  # this QEMU forwards no other
        forward(machine.qmp_socket, 8080)
    assert monitor.count("human-monitor-command") == 3


def test_qmp_answers_many_who_ask_at_once(machine: SandboxHost, monitor: Monitor) -> None:
    with ThreadPoolExecutor(16) as workers:
        assert set(workers.map(forwarded_port, [machine.qmp_socket] * 64)) == {35271}


def test_ssh_trusts_the_pinned_key_only(
    machine: SandboxHost, qemu: subprocess.Popen[bytes], monitor: Monitor
) -> None:
    ensure_identity(machine.folder, "hv1")
    words = ssh_argv("hv1", ["echo a;", "echo b"])
    assert words[-3:] == ["root@127.0.0.1", "echo a;", "echo b"]
    assert "StrictHostKeyChecking=yes" in words
    assert f"UserKnownHostsFile={machine.folder}/known_hosts" in words
    assert (machine.folder / "known_hosts").read_text().startswith("[127.0.0.1]:35271 ssh-ed25519 ")


@pytest.mark.parametrize(
    ("module", "nested", "obstacle"),
    [
        (None, None, "neither kvm_intel nor kvm_amd is loaded"),
        ("kvm_amd", "0", "nested virtualization is off (load kvm_amd with nested=1)"),
        ("kvm_intel", "N", "nested virtualization is off (load kvm_intel with nested=1)"),
        ("kvm_intel", "Y", None),
        ("kvm_amd", "1", None),
    ],
)
def test_what_stands_against_kvm(
    tmp_path: Path, module: str | None, nested: str | None, obstacle: str | None
) -> None:
    device = tmp_path / "kvm"
    device.touch()
    if module and nested:
        (tmp_path / module / "parameters").mkdir(parents=True)
        (tmp_path / module / "parameters/nested").write_text(f"{nested}\n")
    found = kvm_obstacle(tmp_path, device)
    assert found is None if obstacle is None else obstacle in str(found)
    assert kvm_obstacle(tmp_path, tmp_path / "absent") == f"{tmp_path}/absent does not exist"


def test_a_forwarded_port_is_remembered(
    made: SandboxHost, qemu: subprocess.Popen[bytes], monitor: Monitor
) -> None:
    assert made.forward(22) == 35271
    assert made.record is not None
    assert made.record.forwards == {22: 35271}


def test_a_host_is_not_another_ones_folder(made: SandboxHost, tmp_path: Path) -> None:
    assert made.folder == tmp_path / "sandbox" / "hv1"
    assert SandboxHost("hv1", tmp_path / "elsewhere").folder == tmp_path / "elsewhere"
    assert stat.S_IMODE(made.folder.parent.stat().st_mode) == 0o700
    assert (made.folder / "machine.json").read_text().startswith('{\n  "spec"')
    assert [path.name for path in made.folder.iterdir()] == ["machine.json"]


def test_the_memory_that_a_host_takes_is_that_of_its_process(
    machine: SandboxHost, qemu: subprocess.Popen[bytes]
) -> None:
    def is_that_of_the_process() -> bool:
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{qemu.pid}/status").read_text())
        assert found
        return bool(machine.resident_gib == pytest.approx(int(found[1]) / 2**20, rel=0.5))

    wait_for(is_that_of_the_process)  # at first, it grows between two looks
    machine.kill()
    assert machine.resident_gib == 0


@pytest.mark.parametrize("content", ["", "x", "4194305"])
def test_a_number_of_no_process_is_no_machine(machine: SandboxHost, content: str) -> None:
    (machine.folder / "qemu.pid").write_text(content)
    assert machine.pid is None
    machine.kill()


def test_a_process_that_does_not_end_by_itself_is_ended(
    machine: SandboxHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid_file = machine.folder / "qemu.pid"
    words = ["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done", "sh", str(pid_file)]
    wait_for_exit = SandboxHost.wait_for_exit
    limits: list[float] = []

    def briefly(host: SandboxHost, limit: float) -> bool:
        limits.append(limit)
        return wait_for_exit(host, limit / 10)

    monkeypatch.setattr(SandboxHost, "wait_for_exit", briefly)
    with subprocess.Popen(words) as process:
        pid_file.write_text(str(process.pid))
        wait_for(lambda: machine.pid == process.pid)
        time.sleep(0.2)  # until it has heard of the trap
        machine.kill()
        assert process.wait(5) == -9
    assert limits == [5, 5]


def test_a_process_that_has_just_ended_need_not_be_ended(
    machine: SandboxHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    pids = [2**22 + 1]  # no process has it: the kernel's numbers end before
    monkeypatch.setattr(SandboxHost, "pid", property(lambda _: pids.pop() if pids else None))
    machine.kill()
    assert not pids


def test_an_end_is_waited_for_as_long_as_was_said(
    machine: SandboxHost, qemu: subprocess.Popen[bytes]
) -> None:
    began = time.monotonic()
    assert not machine.wait_for_exit(0.3)
    assert 0.3 <= time.monotonic() - began < 5
    qemu.kill()
    assert machine.wait_for_exit(20)
    assert time.monotonic() - began < 10


def test_the_pinned_address_follows_the_port(
    machine: SandboxHost, qemu: subprocess.Popen[bytes], monitor: Monitor
) -> None:
    ensure_identity(machine.folder, "hv1")
    pin_host_key(machine.folder, 4711)
    known = machine.connection().known_hosts
    assert known.read_text().startswith("[127.0.0.1]:35271 ssh-ed25519 ")
    known.write_text(f"# {known.read_text()}")
    assert machine.connection().known_hosts.read_text().startswith("# "), "written only when it changes"


def test_a_qemu_that_does_not_answer_is_said(machine: SandboxHost, qemu: subprocess.Popen[bytes]) -> None:
    with pytest.raises(LabError, match=r"hv1: its QEMU does not answer: (?s:.)*sandbox rm hv1"):
        machine.connection()
    with pytest.raises(LabError, match=r"hv1: its QEMU does not forward port 80: (?s:.)*--shutdown hv1"):
        machine.forward(80)


def test_a_port_of_a_host_without_a_record_is_forwarded_and_not_remembered(
    machine: SandboxHost, qemu: subprocess.Popen[bytes], monitor: Monitor
) -> None:
    assert machine.forward(22) == 35271
    assert machine.record is None


def test_a_record_is_written_only_when_a_port_changes(
    made: SandboxHost, qemu: subprocess.Popen[bytes], monitor: Monitor
) -> None:
    made.forward(22)
    os.utime(made.folder / "machine.json", (1, 1))
    made.forward(22)
    assert (made.folder / "machine.json").stat().st_mtime == 1
    for other in (1, 65535):
        assert made.record is not None
        made.record = made.record.model_copy(update={"forwards": {22: other, 80: 4711}})
        made.forward(22)
        assert made.record.forwards == {22: 35271, 80: 4711}
