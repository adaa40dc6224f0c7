"""Guests that cannot come up: what is said of each, and that their neighbours do."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.native import NativeHosts, native_hosts, write_lab
from minetlab.resources.layout import Layout, overlay
from tests.e2e.lab_under_test import NEEDS_NATIVE_HOSTS, PYINFRA, LabUnderTest

pytestmark = NEEDS_NATIVE_HOSTS
NAME = "broken"
SOUND, CUT, PANICS, SHUT = "student0001", "student0002", "student0003", "student0004"
KVM = {"guests_run": True, "guest": {"memory": 384, "cores": 1, "disk": 4}, "guest_image": {"debian": 13}}


@pytest.fixture
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NativeHosts]:
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path / "state"))
    with native_hosts(1, print) as hosts:
        yield hosts


def test_guests_that_cannot_come_up_are_shown_and_their_neighbours_come_up(
    hosts: NativeHosts, tmp_path: Path
) -> None:
    lab = LabUnderTest(tmp_path, dict(os.environ), NAME)
    write_lab(hosts, lab.inventory.parent, students=4, progress=print, name=NAME, kvm=KVM)
    deploy: list[str | Path] = [*PYINFRA, "-y", lab.inventory]
    lab.run(*deploy, "deploys/all.py", merged=True)
    (host,) = hosts
    layout = Layout(NAME)
    lab.in_machine(PANICS, "sudo sh -c 'rm /sbin/init; echo exit >/sbin/init; chmod 755 /sbin/init; sync'")
    guests = " ".join(f"{NAME}-{student}" for student in (SOUND, CUT, PANICS))
    cut = layout.disk(overlay(f"{NAME}-{CUT}"))
    host.run(f"for guest in {guests}; do virsh -q destroy $guest; done; truncate --size=64K {cut}")

    second = lab.run(*deploy, "deploys/all.py", check=False, merged=True)
    assert second.returncode == 0, second.stdout
    said = " ".join(second.stdout.split())
    assert f"guests cannot boot, as their consoles say: {NAME}-{CUT}, {NAME}-{PANICS}" in said, second.stdout
    assert "EXT4-fs error" in said
    assert "Kernel panic - not syncing" in said
    panics = host.run(f"grep -c 'Kernel panic - not syncing' {layout.console(f'{NAME}-{PANICS}')}")
    assert int(panics) > 1, "it has had another try"
    assert "do not answer SSH" not in said  # nobody waited for that long
    assert lab.in_machine(SOUND, "systemctl is-system-running --wait") == "running\n"
    containers = host.run("docker ps --format '{{.Names}}'").split()
    assert len(containers) == len((SOUND, CUT, PANICS, SHUT))

    lab.in_machine(SHUT, "sudo systemctl disable --now ssh.socket ssh.service || true")
    said = " ".join(lab.lab("add", "Léa Tard", "-i", lab.inventory, check=False, merged=True).stdout.split())
    assert re.search(rf"guests do not answer SSH: [^;→]*{NAME}-{SHUT}", said), said
    assert lab.in_machine(f"{NAME}-lea-tard", "systemctl is-system-running --wait") == "running\n"
    lab.run(*deploy, "deploys/reset.py", "--data", f"students={CUT},{PANICS}", merged=True)
    lab.in_machine(PANICS, "true")
