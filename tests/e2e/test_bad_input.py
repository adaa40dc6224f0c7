"""What an administrator gets wrong, and what is said: one clear error, exit status not 0, no traceback."""

import re
import shutil
import subprocess
import sys

import pytest

from minetlab.util.paths import PROJECT_ROOT

LAB = [sys.executable, "-m", "minetlab"]
PYINFRA = [sys.executable, "-m", "pyinfra", "-y"]
NOWHERE = "kvm_hosts = [('nowhere', {'ssh_hostname': '127.0.0.1', 'ssh_port': 1})]\n"


@pytest.fixture
def inventories(tmp_path, monkeypatch):
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path / "state"))
    return shutil.copytree(PROJECT_ROOT / "inventories", tmp_path / "inventories")


def refused(*command):
    """Run a command that has to fail; returns all it says."""
    result = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, cwd=PROJECT_ROOT, timeout=300, check=False
    )
    said = re.sub(r"\x1b\[[0-9;]*m", "", result.stdout + result.stderr)
    assert result.returncode != 0, said
    assert "Traceback" not in said, said
    return said


def test_unknown_group_data(inventories):
    with (inventories / "group_data" / "kvm_hosts.py").open("a") as file:
        file.write("gest = {'memory': 512}\n")
    # pyinfra connects before it reads deploys: no sandbox host has to boot for this.
    (inventories / "local.py").write_text("kvm_hosts = ['@local']\n")
    for command in (
        [*PYINFRA, inventories / "local.py", "deploys/all.py"],
        [*LAB, "up", "-i", inventories / "lab.py"],
    ):
        said = refused(*command)
        assert "group_data/kvm_hosts.py, line" in said
        assert "gest" in said


def test_a_wrong_roster(inventories):
    (inventories / "students.csv").write_text("login,name\nAlice,Alice\n")
    assert "students.csv, line 2, column login" in refused(*LAB, "verify", "-i", inventories / "lab.py")


def test_a_host_that_cannot_be_reached_does_not_stop_the_others(inventories):
    (inventories / "lab.py").write_text(f"{NOWHERE}others = ['@local']\n")
    said = refused(*PYINFRA, inventories / "lab.py", "deploys/all.py")
    assert "nowhere" in said
    assert "Could not connect" in said
    assert re.search(r"\[@local\] +Ready", said)


def test_a_sandbox_host_with_more_memory_than_there_is(inventories):
    (inventories / "lab.py").write_text("kvm_hosts = [('@sandbox/hv1', {'sandbox_memory': 1000000})]\n")
    said = refused(*PYINFRA, inventories / "lab.py", "deploys/all.py")
    assert "MiB" in said
    assert "sandbox_memory" in said


def test_an_inventory_that_is_not_there(inventories):
    assert "cannot read the inventory" in refused(*LAB, "verify", "-i", inventories / "nowhere.py")


def test_a_machine_that_is_not_in_the_lab(inventories):
    said = refused(*LAB, "ssh", "-i", inventories / "lab.py", "minet-zoe")
    assert "there is no machine or student 'minet-zoe' in the lab" in said
    assert "alice" in said
