"""Native hosts, as far as nothing boots: what makes one itself, and what is refused."""

import os
import shutil

import pytest

from benchmarks.native import native_hosts
from benchmarks.native.machine import NativeMachine
from minetlab.secrets import keys
from minetlab.util.errors import LabError


@pytest.fixture
def machine(tmp_path):
    folder = tmp_path / "native0-1"
    host_key = keys.key_pair(folder / "host_key", "native0-1")
    made = NativeMachine("native0-1", "198.18.0.10/24", str(folder), "/cache/root", "native0")
    made.prepare("ssh-ed25519 AAAA admin", host_key.private)
    return made


def test_what_makes_a_host_itself_is_in_its_files_and_its_secrets_are_its_own(machine, tmp_path):
    upper = tmp_path / "native0-1/upper"
    assert (upper / "etc/hostname").read_text() == "native0-1\n"
    assert "198.18.0.10 native0-1\n" in (upper / "etc/hosts").read_text()
    assert "Address=198.18.0.10/24\n" in (upper / "etc/systemd/network/10-host0.network").read_text()
    assert (upper / "root/.ssh/authorized_keys").read_text() == "ssh-ed25519 AAAA admin\n"
    assert (upper / "etc/ssh/ssh_host_ed25519_key").stat().st_mode & 0o777 == 0o600
    assert (upper / "root").stat().st_mode & 0o777 == 0o700


def test_its_mounts_and_its_end_are_those_of_the_process_that_boots_it(machine, tmp_path):
    words = machine.command(tmp_path / "group")
    assert words[:5] == ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount"]
    folder = tmp_path / "native0-1"
    assert f"lowerdir=/cache/root,upperdir={folder}/upper,workdir={folder}/work" in words
    assert f"--bind={folder}/var/lib/docker:/var/lib/docker" in words
    # No secret is on the command line.
    assert (folder / "host_key").read_text().split("\n")[1] not in " ".join(words)


def test_who_is_not_root_is_told_so(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LabError, match="need root"), native_hosts(1, print):
        pass


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda program: None if program == "systemd-nspawn" else program)
    with pytest.raises(LabError, match="apt-get install systemd-container"), native_hosts(1, print):
        pass


@pytest.mark.parametrize("count", [0, 201])
def test_no_network_has_addresses_for_that_many(count):
    with pytest.raises(LabError, match="ask for 1 to 200"), native_hosts(count, print):
        pass
