"""Guests that cannot come up: what is said of each, and that their neighbours do."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.native import NativeHosts, native_hosts, write_lab
from minetlab.paths import PROJECT_ROOT
from minetlab.plan.layout import Layout, overlay
from tests.e2e.conftest import LAB, PYINFRA

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(not shutil.which("systemd-nspawn"), reason="needs Debian's systemd-container"),
]
NAME = "broken"
SOUND, CUT, PANICS = "student0001", "student0002", "student0003"
KVM = {"guests_run": True, "guest": {"memory": 384, "cores": 1, "disk": 4}, "guest_image": {"debian": 13}}
LIMIT = 1800


@pytest.fixture
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NativeHosts]:
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path / "state"))
    with native_hosts(1, print) as hosts:
        yield hosts


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    print("$", *command, file=sys.stderr, flush=True)
    return subprocess.run(
        command,
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT,
        check=False,
    )


def test_guests_that_cannot_come_up_are_shown_and_their_neighbours_come_up(
    hosts: NativeHosts, tmp_path: Path
) -> None:
    inventory = write_lab(hosts, tmp_path / "lab", students=3, progress=print, name=NAME, kvm=KVM)
    deploy: list[str | Path] = [*PYINFRA, "-y", inventory, "deploys/all.py"]
    first = run(*deploy)
    assert first.returncode == 0, first.stdout
    (host,) = hosts
    layout = Layout(NAME)
    without_init = "sudo sh -c 'rm /sbin/init; echo exit >/sbin/init; chmod 755 /sbin/init; sync'"
    assert run(*LAB, "ssh", "-i", inventory, PANICS, without_init).returncode == 0
    guests = " ".join(f"{NAME}-{student}" for student in (SOUND, CUT, PANICS))
    cut = layout.disk(overlay(f"{NAME}-{CUT}"))
    host.run(f"for guest in {guests}; do virsh -q destroy $guest; done; truncate --size=64K {cut}")

    second = run(*deploy)
    print(second.stdout, file=sys.stderr)
    assert second.returncode != 0
    said = " ".join(second.stdout.split())
    assert f"guests cannot boot, as their consoles say: {NAME}-{CUT}, {NAME}-{PANICS}" in said
    assert "EXT4-fs error" in said
    assert "end Kernel panic" in said
    assert "do not answer SSH" not in said  # nobody waited for that long
    assert run(*LAB, "ssh", "-i", inventory, SOUND, "systemctl is-system-running --wait").returncode == 0
    containers = host.run("docker ps --format '{{.Names}}'").split()
    assert len(containers) == len((SOUND, CUT, PANICS))
    reset = run(*PYINFRA, "-y", inventory, "deploys/reset.py", "--data", f"students={CUT},{PANICS}")
    assert reset.returncode == 0, reset.stdout
    assert run(*LAB, "ssh", "-i", inventory, PANICS, "true").returncode == 0
