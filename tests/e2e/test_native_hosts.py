"""Native hosts: they stand, the lab deploys on them, and nothing stays of them, however their caller ends."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.native import native_hosts, write_lab
from minetlab.util.paths import PROJECT_ROOT
from tests.e2e.lab_under_test import NEEDS_NATIVE_HOSTS

pytestmark = NEEDS_NATIVE_HOSTS
# A shell has what it starts in the background ignore Ctrl-C, and the tests may have been.
HOLD = """
import signal, time
from benchmarks.native import native_hosts
signal.signal(signal.SIGINT, signal.default_int_handler)
with native_hosts(1, print) as hosts:
    print("up", hosts[0].name, hosts.folder, flush=True)
    time.sleep(600)
"""
PYINFRA = [sys.executable, "-m", "pyinfra", "-y", "--json"]


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path / "state"))


def left_of(name: str, folder: Path) -> list[str]:
    """What there still is of a native host, and of the folder and network that it was in."""
    interfaces = [path.name for path in Path("/sys/class/net").iterdir()]
    # Not Path.glob(), which fails where a group goes while it looks.
    end = f"/minet-lab-native/{folder.name}"
    groups = [path for path, _, _ in os.walk("/sys/fs/cgroup") if path.endswith(end)]
    processes = subprocess.run(["pgrep", "-f", "-a", name], capture_output=True, text=True, check=False)
    mounts = [line for line in Path("/proc/self/mounts").read_text().splitlines() if str(folder) in line]
    return [
        *(each for each in interfaces if each in {f"native{folder.name}", f"vb-{name}"}),
        *groups,
        *processes.stdout.splitlines(),
        *mounts,
        *(map(str, folder.parent.glob("*")) if folder.parent.exists() else ()),
    ]


def deploy(inventory: Path, deploy_file: str) -> list[str]:
    """Deploy; returns the operations that changed something."""
    command = [*PYINFRA, str(inventory), deploy_file]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return [each["name"] for each in json.loads(done.stdout)["results"]["operations"] if each["success"]]


def test_the_lab_deploys_on_hosts_that_share_no_secret_and_leave_nothing(tmp_path):
    with native_hosts(2, print) as hosts:
        folder = hosts.folder
        assert len({host.run("cat /etc/machine-id") for host in hosts}) == 2
        assert len({host.run("cat /etc/ssh/ssh_host_ed25519_key.pub") for host in hosts}) == 2
        assert [host.run("systemctl is-active libvirtd docker") for host in hosts] == ["active\n" * 2] * 2

        inventory = write_lab(hosts, tmp_path / "lab", students=4, progress=print)
        assert any("Run the students' containers" in name for name in deploy(inventory, "deploys/all.py"))
        guests, containers = "virsh list --all --name", "docker ps --format '{{.Names}}'"
        for command in (guests, containers):
            names = [name for host in hosts for name in host.run(command).split()]
            assert len(names) == len(set(names)) == 4
        assert deploy(inventory, "deploys/all.py") == []
        deploy(inventory, "deploys/teardown.py")
        assert [host.run(guests) + host.run(f"{containers} --all") for host in hosts] == ["\n", "\n"]
    assert left_of(hosts[0].name, folder) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_stays_of_them_when_their_caller_is_ended(number):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD], cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True
    ) as caller:
        assert caller.stdout
        up = next(line for line in caller.stdout if line.startswith("up"))
        _, name, folder = up.split()
        assert left_of(name, Path(folder))
        caller.send_signal(number)
        caller.wait(timeout=60)
    deadline = time.monotonic() + 60
    while left := left_of(name, Path(folder)):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def test_they_end_with_the_process_that_holds_them_and_the_next_ones_clear_up():
    with native_hosts(1, print) as hosts:
        name, folder = hosts[0].name, hosts.folder
        keeper = subprocess.run(
            ["pgrep", "--full", "benchmarks.native.keeper"], capture_output=True, text=True, check=True
        ).stdout.split()
        mine = [pid for pid in keeper if str(folder) in Path(f"/proc/{pid}/cmdline").read_text()]
        os.kill(int(mine[0]), signal.SIGKILL)
    assert [each for each in left_of(name, folder) if "systemd-nspawn" in each] == []
    with native_hosts(1, print) as hosts:
        hosts[0].run("true")
    assert left_of(name, folder) == []
