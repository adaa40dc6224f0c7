"""What a host says of what keeps its machines apart."""

import re
import subprocess
from pathlib import Path

import pytest

from minetlab.facts.security import SecurityState
from minetlab.resources.security import SecurityObserved
from tests.support.fake_program import put_first_in_path

COMMAND = SecurityState().command("minet", libvirt=True, docker=True)


def test_a_host_without_libvirt_docker_and_firewall_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_first_in_path(
        tmp_path, "ss", "echo 'tcp LISTEN 0 9 [::]:22 [::]:* users:((\"sshd\",pid=1,fd=3))'", monkeypatch
    )
    for name in ("virsh", "docker", "nft", "bridge"):
        put_first_in_path(tmp_path, name, "echo 'no daemon answers' >&2; exit 1", monkeypatch)
    put_first_in_path(
        tmp_path, "apt-get", "echo 'Inst a [1] (2 Debian-Security:13/stable [all])'", monkeypatch
    )
    output = subprocess.run(["sh", "-c", COMMAND], capture_output=True, text=True, check=True).stdout
    observed = SecurityState().process(output.splitlines())
    assert [str(listener) for listener in observed.listeners] == ["tcp [::]:22 (sshd)"]
    assert observed.upgrades == {"a": "2 Debian-Security:13/stable [all]"}
    assert (observed.taps, observed.containers, observed.rules, observed.icc) == ({}, {}, {}, None)
    assert observed.time > 1e9


def test_updates_that_cannot_be_read_are_not_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_first_in_path(tmp_path, "apt-get", "exit 100", monkeypatch)
    output = subprocess.run(["sh", "-c", COMMAND], capture_output=True, text=True, check=True).stdout
    assert SecurityState().process(output.splitlines()).upgrades is None


def test_nothing_in_the_command_changes_a_host() -> None:
    """Words by which shells and programs write; tests/integration compares a host before and after."""
    writing = (
        r"\b(rm|mv|cp|ln|chmod|chown|install|tee|touch|mkdir|kill|dd|truncate|mount|useradd|start|stop)\b"
    )
    assert re.findall(writing, COMMAND) == []
    assert set(re.findall(r"\d?>+\s*([^\s)]+)", COMMAND)) == {"/dev/null"}
    assert re.findall(r"systemctl|--file|--simulate", COMMAND) == ["--file", "--simulate"]


def test_a_lab_has_the_default_without_an_answer() -> None:
    assert SecurityState().default() == SecurityObserved()


def test_a_daemon_is_asked_only_where_it_is_to_run() -> None:
    """systemd starts libvirtd or dockerd for whoever connects to its socket."""
    for libvirt, docker in ((True, False), (False, True), (False, False)):
        command = SecurityState().command("minet", libvirt=libvirt, docker=docker)
        assert ("virsh" in command, "docker ps" in command) == (libvirt, docker)
