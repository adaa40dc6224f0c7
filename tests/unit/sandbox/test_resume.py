"""What is run inside a host before it is saved and when it goes on, and how long that may take."""

import base64
import io
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest

from minetlab.sandbox import agent, pause, qmp, resume
from minetlab.sandbox.accelerator import Accelerator
from minetlab.sandbox.launch import launch
from minetlab.sandbox.machine import SandboxHost
from minetlab.sandbox.platform import Platform
from tests.support.fake_toolbox import SMALL, FakeToolbox
from tests.support.qemu import TCG


@pytest.fixture
def host(toolbox: FakeToolbox, image: Path) -> SandboxHost:
    """A host that runs."""
    host = SandboxHost("hv1")
    host.folder.mkdir()
    launch(host, Platform(SMALL, (), image, TCG, toolbox))
    return host


def test_a_host_goes_on_with_its_clock_set(toolbox: FakeToolbox, host: SandboxHost) -> None:
    said: list[str] = []
    host.clock_stopped.touch()
    resume.go_on(host, TCG, said.append)
    resume.go_on(host, TCG, said.append)
    assert said == []
    assert toolbox.did("cont", "resume.sh") == ["cont", "resume.sh"] * 2
    words = toolbox.scripts("resume.sh")[0]["words"]
    assert float(words[-2]) == pytest.approx(time.time(), abs=60)
    assert words[-1] == "60.0"
    assert not host.clock_stopped.exists()


def test_a_host_that_goes_on_with_a_wrong_clock_says_so(toolbox: FakeToolbox, host: SandboxHost) -> None:
    toolbox.behave(fails={"resume.sh": "no such guest"})
    said: list[str] = []
    resume.go_on(host, TCG, said.append)
    assert said == [
        "resumed, but parts of it may be wrong (clocks, guests that are still stopped): "
        "sh ended with 1: no such guest"
    ]


def test_a_new_host_is_handed_its_identity_and_its_groups(toolbox: FakeToolbox, host: SandboxHost) -> None:
    resume.go_on_as_new_host(host, ["kvm_hosts"], TCG)
    (run,) = toolbox.scripts("resume.sh")
    assert run["words"][-2:] == ["new", "kvm_hosts"]
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(run["stdin"]))) as tar:
        assert "minetlab.host_key" in tar.getnames()


def test_a_host_runs_again_at_once_if_its_qemu_answers(host: SandboxHost) -> None:
    qmp.execute(host.qmp_socket, "stop")
    resume.let_run(host)
    assert qmp.run_state(host.qmp_socket) == "running"
    host.kill()
    resume.let_run(host)


def test_an_agent_answers_or_does_not(toolbox: FakeToolbox, host: SandboxHost) -> None:
    assert resume.agent_answers(host, TCG)
    toolbox.behave(agent_is_gone=True)
    assert not resume.agent_answers(host, TCG)


@pytest.mark.parametrize(("name", "times"), [("kvm", 1), ("tcg", 5)])
def test_an_emulated_host_has_five_times_as_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: Any, times: int
) -> None:
    limits: list[tuple[str, float]] = []
    clocks: list[str] = []

    def run(path: Path, *words: str, limit: float, **more: Any) -> None:
        script = next((word for word in words if word.endswith(".sh")), words[0])
        limits.append((script, limit / times))
        if script == "resume.sh":
            clocks.append(words[-1])

    monkeypatch.setattr(agent, "run", run)
    monkeypatch.setattr(qmp, "execute", lambda *_, **__: None)
    monkeypatch.setattr(qmp, "run_state", lambda path: "running")
    host, accelerator = SandboxHost("hv1", tmp_path), Accelerator(name, "tried")
    resume.prepare(host, [], accelerator)
    resume.go_on(host, accelerator, print)
    resume.agent_answers(host, accelerator)
    pause.pause(host, accelerator)
    assert limits == [
        ("prepare.sh", 120),
        ("true", 30),
        ("resume.sh", 30),
        ("true", 2),
        ("freeze.sh", 10),
    ]
    assert clocks == [f"{12.0 * times}"]
    assert host.clock_stopped.exists()
