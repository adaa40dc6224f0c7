"""When ``lab up`` may come back to the lab that it has made from nothing."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from minetlab.cli import up_checkpoint
from minetlab.images.editions import record_edition
from minetlab.sandbox import checkpoint
from minetlab.sandbox.checkpoint import CHECKPOINT_MANIFEST, CheckpointManifest, UnusableCheckpointError
from minetlab.sandbox.images import sandbox_recipe
from minetlab.sandbox.machine import SandboxHost
from minetlab.sandbox.spec import SandboxSpec
from minetlab.secrets.keys import lab_key
from minetlab.util.errors import LabError
from minetlab.util.paths import PROJECT_ROOT, state_dir
from tests.support.mirror import FIRST, edition


@pytest.fixture
def inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path / "state"))
    shutil.copytree(PROJECT_ROOT / "inventories", tmp_path / "inventories")
    return tmp_path / "inventories" / "lab.py"


def test_a_lab_is_absent_while_none_of_its_hosts_is_there(inventory: Path) -> None:
    assert up_checkpoint.is_absent(inventory)
    SandboxHost("hv1").folder.mkdir()
    assert not up_checkpoint.is_absent(inventory)


def test_a_lab_with_a_real_host_is_never_absent(inventory: Path) -> None:
    inventory.write_text("kvm_hosts = ['@sandbox/hv1']\ncontainer_hosts = ['ct1.example.org']\n")
    assert not up_checkpoint.is_absent(inventory)


def test_whatever_a_lab_is_made_of_makes_it_another(inventory: Path) -> None:
    known = {up_checkpoint.made_of(inventory)}

    def is_another() -> bool:
        before = len(known)
        known.add(up_checkpoint.made_of(inventory))
        return len(known) > before

    assert not is_another(), "nothing has changed"
    lab_key("minet")
    assert is_another(), "a key"
    with (inventory.parent / "students.csv").open("a") as roster:
        roster.write("zoe,Zoé Exemple,,,,fr\n")
    assert is_another(), "a student"
    group_data = inventory.parent / "group_data"
    for file, line in (
        ("kvm_hosts.py", "guest = {'memory': 768, 'cores': 4, 'disk': 8}"),
        ("@sandbox.py", "require_kvm = True"),
        ("@sandbox.py", "sandbox_memory = 5000"),
    ):
        with (group_data / file).open("a") as settings:
            settings.write(f"\n{line}\n")
        assert is_another(), line


def test_refreshed_images_make_a_lab_another(inventory: Path) -> None:
    recipe = sandbox_recipe(13, "warm", SandboxSpec().disk)
    record_edition(recipe, edition())
    before = up_checkpoint.made_of(inventory)
    record_edition(recipe, edition())  # seen again, with nothing newer
    assert up_checkpoint.made_of(inventory) == before
    record_edition(recipe, edition(FIRST.replace(day=9)))
    assert up_checkpoint.made_of(inventory) != before


def test_other_libraries_make_a_lab_another(
    inventory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its machines are what the libraries of the time made of them."""
    root = tmp_path / "project"
    root.mkdir()
    for name in up_checkpoint.CODE:
        (root / name).symlink_to(PROJECT_ROOT / name)
    lock = root / "requirements.lock"
    shutil.copy(PROJECT_ROOT / lock.name, lock)
    monkeypatch.setattr(up_checkpoint, "PROJECT_ROOT", root)
    before = up_checkpoint.made_of(inventory)
    assert up_checkpoint.made_of(inventory) == before
    lock.write_text(lock.read_text().replace("pyinfra==3", "pyinfra==4"))
    assert up_checkpoint.made_of(inventory) != before


@pytest.mark.parametrize(
    ("error", "kept"), [(LabError, True), (UnusableCheckpointError, False)], ids=["no room", "damaged"]
)
def test_a_checkpoint_goes_only_if_it_cannot_be_used(
    inventory: Path, monkeypatch: pytest.MonkeyPatch, error: type[LabError], kept: bool
) -> None:
    def fail(*of: object) -> None:
        raise error("it cannot be restored", next_step="")

    monkeypatch.setattr(checkpoint, "restore", fail)
    folder = state_dir() / "labs" / "minet" / "checkpoints" / up_checkpoint.NAME
    folder.mkdir(parents=True)
    manifest = CheckpointManifest(saved=datetime.now(UTC), made_of=up_checkpoint.made_of(inventory), disks={})
    (folder / CHECKPOINT_MANIFEST).write_text(manifest.model_dump_json())
    assert not up_checkpoint.come_back(inventory)
    assert folder.exists() == kept


def test_forgetting_who_has_left_does_not_make_a_lab_another(inventory: Path) -> None:
    allocation = inventory.parent / "allocation.csv"
    before = allocation.read_text()
    allocation.write_text(f"{before}zoe,minet-zoe,@sandbox/hv1,10.77.0.99\n")
    known = up_checkpoint.made_of(inventory)
    allocation.write_text(before)
    assert up_checkpoint.made_of(inventory) == known


def test_without_a_checkpoint_there_is_nothing_to_come_back_to(inventory: Path) -> None:
    assert not up_checkpoint.come_back(inventory)
    assert not list(state_dir().glob("labs/*/checkpoints"))
