"""A machine is stopped for saving when its guests stand still, and goes on with them."""

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from minetlab.sandbox import agent, qmp
from minetlab.sandbox.accelerator import Accelerator
from minetlab.sandbox.machine import SandboxHost
from minetlab.sandbox.pause import FREEZE, pause
from minetlab.sandbox.resume import RESUME
from minetlab.util.errors import LabError

TCG = Accelerator("tcg", "tried")


class Host:
    """Answers as QEMU and the guest agent do, and keeps what it was asked.

    :param state: that the machine is in.
    :param agent_says: what the agent fails with; None: it runs what it is given.
    """

    def __init__(self, state: str, agent_says: str | None = None) -> None:
        self.state, self.agent_says = state, agent_says
        self.asked: list[str] = []

    def run_state(self, path: Path) -> str:
        return self.state

    def execute(self, path: Path, command: str, **arguments: Any) -> None:
        self.asked.append(command)

    def run(self, path: Path, *words: str, limit: float) -> None:
        self.asked.append(words[-1])
        if self.agent_says:
            raise OSError(self.agent_says)


@pytest.fixture
def machine(tmp_path: Path) -> SandboxHost:
    return SandboxHost("hv1", tmp_path)


def standing_in(monkeypatch: pytest.MonkeyPatch, host: Host) -> Host:
    monkeypatch.setattr(qmp, "run_state", host.run_state)
    monkeypatch.setattr(qmp, "execute", host.execute)
    monkeypatch.setattr(agent, "run", host.run)
    return host


def test_its_guests_stand_still_before_it_does(machine: SandboxHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host = standing_in(monkeypatch, Host("running"))
    pause(machine, TCG)
    assert host.asked == ["freeze.sh", "stop"]


def test_one_that_stands_still_is_left_so(machine: SandboxHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its agent could not answer."""
    host = standing_in(monkeypatch, Host("paused"))
    pause(machine, TCG)
    assert host.asked == []


def test_one_whose_agent_is_silent_runs_on(machine: SandboxHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host = standing_in(monkeypatch, Host("running", agent_says="timed out"))
    with pytest.raises(LabError, match="hv1 cannot be stopped to be saved: timed out") as raised:
        pause(machine, TCG)
    assert "--shutdown" in str(raised.value.next_step)
    assert host.asked == ["freeze.sh"]


def test_a_host_without_guests_has_none_to_stop(tmp_path: Path) -> None:
    subprocess.run(["sh", "-c", placed_in(tmp_path)], check=True, timeout=60)
    assert not list(tmp_path.iterdir())


def test_programs_of_guests_stop(tmp_path: Path) -> None:
    """One in a group below; another one there has just ended, as no process has such a number (proc(5))."""
    guest = subprocess.Popen(["sleep", "600"])
    try:
        group = tmp_path / "machine.slice" / "guest.scope"
        group.mkdir(parents=True)
        (group / "cgroup.procs").write_text(f"{2**22 + 1}\n{guest.pid}\n")
        subprocess.run(["sh", "-c", placed_in(tmp_path)], check=True, timeout=60)
        assert "T (stopped)" in Path(f"/proc/{guest.pid}/status").read_text()
        assert (tmp_path / "minetlab-stopped").read_text().split() == [str(guest.pid)]
    finally:
        os.kill(int((tmp_path / "minetlab-stopped-for.pid").read_text()), signal.SIGKILL)
        guest.kill()
        guest.wait()


def test_a_program_that_starts_meanwhile_stops_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guests = [subprocess.Popen(["sleep", "600"]) for _ in range(2)]
    try:
        group = tmp_path / "machine.slice"
        group.mkdir()
        (group / "cgroup.procs").write_text(f"{guests[0].pid}\n")
        program(tmp_path, "kill", f"echo {guests[1].pid} >>{group}/cgroup.procs", 'exec /bin/kill "$@"')
        monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
        subprocess.run(["sh", "-c", placed_in(tmp_path)], check=True, timeout=60)
        for guest in guests:
            assert "T (stopped)" in Path(f"/proc/{guest.pid}/status").read_text()
    finally:
        os.kill(int((tmp_path / "minetlab-stopped-for.pid").read_text()), signal.SIGKILL)
        for guest in guests:
            guest.kill()
            guest.wait()


@pytest.mark.parametrize("silent", [[], ["minet-bob", "minet-zoe"]])
def test_guests_whose_clock_cannot_be_set_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silent: list[str]
) -> None:
    program(tmp_path, "date", "exit 0")
    program(
        tmp_path,
        "virsh",
        'case "$*" in *list*) echo minet-alice; echo minet-bob; echo minet-zoe ;; esac',
        *(f'case "$*" in *"domtime {guest}"*) exit 1 ;; esac' for guest in silent),
    )
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    guest = tmp_path / "libvirt" / "qemu" / "minet-alice.pid"
    guest.parent.mkdir(parents=True)
    guest.touch()
    words = ["sh", "-c", placed_in(tmp_path, RESUME), "resume.sh", "0", "20"]
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == bool(silent)
    named = done.stderr.removeprefix("the clocks of these guests are not set: ").split()
    assert sorted(named) == silent


def test_guests_that_were_being_stopped_go_on_whoever_was_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """freeze.sh may be anywhere: before its list, or in the middle of it."""
    program(tmp_path, "date", "exit 0")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    guest, freezing = (subprocess.Popen(["sleep", "600"]) for _ in range(2))
    try:
        guest.send_signal(signal.SIGSTOP)
        group = tmp_path / "machine.slice"
        group.mkdir()
        (group / "cgroup.procs").write_text(f"{guest.pid}\n")
        (tmp_path / "minetlab-stopping.pid").write_text(f"{freezing.pid}\n")
        words = ["sh", "-c", placed_in(tmp_path, RESUME), "resume.sh", "0", "20"]
        subprocess.run(words, check=True, timeout=60)
        assert freezing.wait(10) == -signal.SIGTERM
        assert "(stopped)" not in Path(f"/proc/{guest.pid}/status").read_text()
        assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "machine.slice"]
    finally:
        for process in (guest, freezing):
            process.kill()
            process.wait()


def program(folder: Path, name: str, *lines: str) -> None:
    """A program of this name among those of the test."""
    file = folder / "bin" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    file.chmod(0o700)


def placed_in(folder: Path, script: str = FREEZE) -> str:
    """The script, with control groups and files of its own."""
    return script.replace("/sys/fs/cgroup", str(folder)).replace("/run/", f"{folder}/")
