"""Whose hosts and checkpoints use images of the cache."""

import re
from pathlib import Path

import pytest

from minetlab.sandbox.in_use import in_use, register
from minetlab.sandbox.machine import HostRecord, SandboxHost
from minetlab.sandbox.spec import SandboxSpec
from tests.support.qemu import TCG


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("MINETLAB_CACHE", str(tmp_path / "cache"))


def use(name: str, image: str, booted: Path | None = None) -> SandboxHost:
    host = SandboxHost(name)
    host.folder.mkdir()
    host.record = HostRecord(
        spec=SandboxSpec(), image=Path(image), image_sha256="0", booted=booted, accelerator=TCG
    )
    return host


def test_a_state_folder_is_registered_once(tmp_path: Path) -> None:
    assert in_use() == set()
    for _ in range(2):
        register()
    (registration,) = (tmp_path / "cache" / "users").iterdir()
    assert registration.read_text() == str(tmp_path / "state")
    assert re.fullmatch("[0-9a-f]{12}", registration.name)


def test_what_any_state_folder_uses_is_in_use_and_those_that_are_gone_are_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abcd":
        monkeypatch.setenv("MINETLAB_STATE", str(tmp_path / name))
        register()
        use("hv1", f"/{name}")
        if name != "b":
            (tmp_path / name).rename(tmp_path / f"gone-{name}")
    assert in_use() == {Path("/b")}
    assert [file.read_text() for file in (tmp_path / "cache" / "users").iterdir()] == [str(tmp_path / "b")]


def test_a_host_uses_its_image_and_the_folder_of_its_booted_image() -> None:
    register()
    use("hv1", "/image", Path("/booted/x/disk.qcow2"))
    use("ct1", "/other")
    assert in_use() == {Path("/image"), Path("/booted/x"), Path("/other")}


def test_a_record_that_cannot_be_read_is_passed_over() -> None:
    register()
    (use("hv1", "/image").folder / "machine.json").write_text("{")
    (use("hv3", "/image").folder / "machine.json").unlink()
    (SandboxHost("hv3").folder / "machine.json").mkdir()
    use("hv2", "/other")
    assert in_use() == {Path("/other")}
