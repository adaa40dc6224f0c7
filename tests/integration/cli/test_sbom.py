"""``lab sbom``, from an inventory to files."""

import json
import shutil
from pathlib import Path

import pytest

from minetlab.cli import sbom
from minetlab.inventory.load import load
from minetlab.supply.lab_images import LabImage, lab_images
from minetlab.util.errors import LabError
from minetlab.util.paths import PROJECT_ROOT
from tests.support.images import put_into_cache
from tests.support.mirror import edition


@pytest.fixture
def inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("MINETLAB_CACHE", str(tmp_path / "cache"))
    folder = shutil.copytree(PROJECT_ROOT / "inventories", tmp_path / "inventories")
    return Path(folder) / "lab.py"


def images_of(inventory: Path) -> tuple[LabImage, ...]:
    loaded = load(inventory)
    return lab_images(loaded.lab, loaded.hosts)


def test_each_image_has_a_file(tmp_path: Path, inventory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for image in images_of(inventory):
        suffix = ".qcow2" if image.is_disk else ".tar.gz"
        put_into_cache(image.recipe, suffix, {"zlib1g": "3"}, edition())
    folder = tmp_path / "bills"
    sbom.write(inventory, folder)
    said = capsys.readouterr().out
    names = {image.name for image in images_of(inventory)}
    assert {file.name for file in folder.iterdir()} == {f"{name}.cdx.json" for name in names}
    assert {"guest-debian-13", "tp-processus"} < names
    for name in names:
        bill = json.loads((folder / f"{name}.cdx.json").read_text())
        assert bill["metadata"]["component"]["name"] == name
        assert [each["name"] for each in bill["components"]] == ["zlib1g"]
        assert f"{folder}/{name}.cdx.json: 1 packages of trixie 13.2" in said


def test_an_image_that_is_not_here_is_named_before_anything_is_written(
    tmp_path: Path, inventory: Path
) -> None:
    with pytest.raises(LabError, match=r"does not have these images: .*tp-processus") as caught:
        sbom.write(inventory, tmp_path / "bills")
    assert "--refresh" in caught.value.next_step
    assert not (tmp_path / "bills").exists()
