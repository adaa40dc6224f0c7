"""How a machine's QEMU is started, and what is said where it or its SSH server does not come up."""

import threading
import time
from pathlib import Path

import pytest

from minetlab.sandbox import launch as module, qmp
from minetlab.sandbox.launch import launch, wait_for_ssh
from minetlab.sandbox.machine import Connection, HostRecord, SandboxHost
from minetlab.sandbox.platform import Platform
from minetlab.util.errors import LabError
from tests.support.fake_toolbox import SMALL, FakeToolbox
from tests.support.qemu import TCG


@pytest.fixture
def platform(toolbox: FakeToolbox, image: Path) -> Platform:
    return Platform(SMALL, (), image, TCG, toolbox)


@pytest.fixture
def host(toolbox: FakeToolbox) -> SandboxHost:
    host = SandboxHost("hv1")
    host.folder.mkdir()
    return host


def test_a_machine_runs_unless_it_waits_for_its_memory(host: SandboxHost, platform: Platform) -> None:
    launch(host, platform)
    assert qmp.run_state(host.qmp_socket) == "running"
    host.kill()
    assert host.pid is None
    launch(host, platform, incoming=True)  # where the files of the first one are left
    assert qmp.run_state(host.qmp_socket) == "inmigrate"


def test_what_qemu_says_when_it_does_not_start_is_said(
    toolbox: FakeToolbox, host: SandboxHost, platform: Platform
) -> None:
    toolbox.behave(does_not_start="no space left")
    with pytest.raises(LabError, match=r"hv1: QEMU did not start: no space left\n(?s:.)*sandbox rm hv1"):
        launch(host, platform)


def test_a_qemu_that_hangs_is_ended(
    toolbox: FakeToolbox, host: SandboxHost, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "QEMU_START_LIMIT", 1)
    killed: list[str] = []
    monkeypatch.setattr(SandboxHost, "kill", lambda host: killed.append(host.name))
    toolbox.behave(hangs=True)
    with pytest.raises(LabError, match="hv1: QEMU did not start within 1 s"):
        launch(host, platform)
    assert killed == ["hv1"]


@pytest.mark.parametrize(
    ("console", "shown"),
    [("", "; its console is empty\n"), ("[1.0] hello\n", "; the end of its console:\n    [1.0] hello\n")],
)
def test_the_console_of_a_machine_that_dies_is_shown(
    toolbox: FakeToolbox, host: SandboxHost, platform: Platform, console: str, shown: str
) -> None:
    toolbox.behave(console=console, dies=True)
    launch(host, platform)
    assert host.wait_for_exit(10)
    with pytest.raises(LabError) as raised:
        wait_for_ssh(host, TCG, print)
    assert f"sandbox host hv1 died while booting{shown}" in str(raised.value)
    assert raised.value.next_step == f"read {host.console}; to start from a new disk: ./lab sandbox rm hv1"


def test_another_server_behind_the_port_is_not_ssh(
    toolbox: FakeToolbox, host: SandboxHost, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HOST_BOOT_LIMIT", 0.1)
    launch(host, platform)
    host.console.unlink()
    for greeting in ("HTTP/1.1 400 Bad Request\r\n", "TTP-", "\0"):
        toolbox.behave(ssh=greeting)
        with pytest.raises(LabError, match="did not answer SSH within 0 s; it is left running; its console"):
            wait_for_ssh(host, TCG, print, new=False)
    toolbox.behave()
    said: list[str] = []
    reached = wait_for_ssh(host, TCG, said.append)
    assert said == [f"SSH answers on port {reached.port} (0 s)"]


def test_a_new_machine_that_does_not_answer_is_ended(
    toolbox: FakeToolbox, host: SandboxHost, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HOST_BOOT_LIMIT", 0.1)
    launch(host, platform)
    toolbox.behave(ssh="?")
    began = time.monotonic()
    with pytest.raises(LabError, match=r"did not answer SSH within 0 s; its console"):
        wait_for_ssh(host, TCG, print)
    assert 0.5 <= time.monotonic() - began < 5, "five times as long as it were under KVM"
    assert host.pid is None


def test_a_greeting_is_waited_for(
    toolbox: FakeToolbox, host: SandboxHost, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine answers, but not at once."""
    launch(host, platform, incoming=True)
    knocks: list[float] = []
    answers = module._ssh_answers

    def noted(connection: object, limit: float) -> bool:
        knocks.append(limit)
        return answers(connection, limit)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "_ssh_answers", noted)
    threading.Timer(0.5, qmp.execute, [host.qmp_socket, "cont"]).start()
    wait_for_ssh(host, TCG, print)
    assert 2 <= len(knocks) <= 4
    assert all(1 <= limit < 1.2 for limit in knocks)


def test_ports_of_the_record_are_forwarded_again(host: SandboxHost, platform: Platform) -> None:
    host.record = HostRecord(
        spec=SMALL, image=platform.image, image_sha256="0", accelerator=TCG, forwards={80: 40001, 443: 40002}
    )
    launch(host, platform)
    wait_for_ssh(host, TCG, print)
    assert qmp.forwarded_port(host.qmp_socket, 80) == 40001
    assert qmp.forwarded_port(host.qmp_socket, 443) == 40002


def test_the_ssh_servers_port_that_nobody_has_is_no_answer(toolbox: FakeToolbox) -> None:
    assert not module._ssh_answers(Connection("127.0.0.1", 1, "root", Path(), Path()), limit=1)
