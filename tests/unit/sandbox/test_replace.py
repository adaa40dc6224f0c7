"""How hosts get new folders; what a killed run leaves of that is in test_lifecycle.py."""

import re
import stat
from pathlib import Path

import pytest

from minetlab.sandbox import replace
from minetlab.sandbox.machine import SandboxHost, sandbox_dir


@pytest.fixture
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[SandboxHost]:
    """Hosts of which only the first one exists, and has been replaced before."""
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path))
    hosts = [SandboxHost("ct1"), SandboxHost("hv1")]
    for folder in (hosts[0].folder, hosts[0].replaced, sandbox_dir() / ".ct1.replacements.partial"):
        folder.mkdir()
        (folder / "file").touch()
    return hosts


def test_replacements_are_private_while_they_are_made(hosts: list[SandboxHost]) -> None:
    made_in: list[tuple[str, int]] = []

    def make(machine: SandboxHost, folder: Path) -> None:
        made_in.append((folder.parent.name, stat.S_IMODE(folder.parent.stat().st_mode)))
        folder.mkdir()
        (folder / "new").touch()

    replace.all_at_once(hosts, make)
    assert made_in == [(".ct1.replacements.partial", 0o700)] * 2
    assert [sorted(path.name for path in host.folder.iterdir()) for host in hosts] == [["new"], ["new"]]
    assert sorted(path.name for path in sandbox_dir().iterdir()) == ["ct1", "hv1"]


def test_replacements_that_are_ready_have_a_name_of_their_own(
    hosts: list[SandboxHost], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replace, "_put_in_place", lambda machine: None)
    replace.all_at_once(hosts, lambda machine, folder: folder.mkdir())
    (ready,) = sandbox_dir().glob(".*.replacements")
    assert re.fullmatch(r"\.ct1\.[0-9a-f]{8}\.replacements", ready.name)
    assert replace.pending_hosts() == {"ct1", "hv1"}
