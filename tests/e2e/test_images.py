"""Images as the toolbox's own programs make and read them; no host boots."""

import hashlib
import json
from pathlib import Path

import pytest

from minetlab.images import disk
from minetlab.images.cache import recorded_sha256
from minetlab.images.manifest import read_manifest
from minetlab.images.mirror import present_edition
from minetlab.images.recipe import ImageRecipe
from minetlab.images.toolbox import Toolbox, ensure_toolbox
from minetlab.lab import UrlImage
from minetlab.supply.sbom import sbom
from minetlab.tp import guest_image
from minetlab.util.errors import LabError
from minetlab.util.process import run

ENCRYPTED = "encrypt.format=luks,encrypt.key-secret=key,encrypt.iter-time=10"


@pytest.fixture(scope="module")
def toolbox() -> Toolbox:
    return ensure_toolbox(print)


def made(toolbox: Toolbox, folder: Path, *options: str, name: str = "disk.qcow2") -> Path:
    file = folder / name
    run(toolbox.command("qemu-img", "create", "-q", *options, str(file), "4M"), env=toolbox.env)
    return file


@pytest.fixture
def fetched(toolbox, tmp_path, monkeypatch):
    """Fetch an image as a deploy does, into a cache of its own."""
    monkeypatch.setenv("MINETLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(guest_image, "ensure_toolbox", lambda progress: toolbox)

    def fetch(file: Path) -> Path:
        image = UrlImage(url=file.as_uri(), sha256=hashlib.sha256(file.read_bytes()).hexdigest())
        return guest_image.file(image, (), 8, print)

    return fetch


def test_a_cloud_image_can_be_fetched(toolbox, fetched, tmp_path):
    assert fetched(made(toolbox, tmp_path, "-f", "qcow2")).exists()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["-f", "raw"], "no qcow2 image"),
        (["-f", "vmdk"], "no qcow2 image"),
        (["-f", "qcow2", "-u", "-b", "/etc/shadow", "-F", "raw"], "another file, '/etc/shadow'"),
        (["-f", "qcow2", "-o", "data_file={}/data"], "content is in another file"),
        (
            ["--object", "secret,id=key,data=words", "-f", "qcow2", "-o", ENCRYPTED],
            "it is encrypted",
        ),
    ],
)
def test_an_image_that_is_no_disk_by_itself_is_refused(toolbox, fetched, tmp_path, options, reason):
    file = made(toolbox, tmp_path, *(option.format(tmp_path) for option in options))
    with pytest.raises(LabError, match=reason):
        fetched(file)


def test_a_disk_that_is_larger_than_that_of_a_guest_is_refused(toolbox, fetched, tmp_path):
    file = made(toolbox, tmp_path, "-f", "qcow2")
    run(toolbox.command("qemu-img", "resize", "-q", str(file), "9G"), env=toolbox.env)
    with pytest.raises(LabError, match=r"a disk of 9\.0 GiB, guests have 8 GiB"):
        fetched(file)


def test_two_builds_of_one_edition_are_the_same(toolbox, tmp_path, monkeypatch):
    """The smallest disk there is: Debian without a kernel, and what each step of a build makes of it."""
    monkeypatch.setattr(disk, "ensure_toolbox", lambda progress: toolbox)
    useradd = "useradd --create-home alice"
    recipe = ImageRecipe(name="smallest", suite="trixie", packages=("netbase",), hooks=(useradd,), disk_gib=2)
    checksums = set()
    for number in ("first", "second"):
        monkeypatch.setenv("MINETLAB_CACHE", str(tmp_path / number))
        monkeypatch.setenv("MINETLAB_STATE", str(tmp_path / number / "state"))
        image = disk.build_disk(recipe, print)
        checksums.add(recorded_sha256(image))
        manifest = read_manifest(image)
        assert manifest
        assert manifest.edition == present_edition("trixie")
        assert {"apt", "base-files", "libc6", "passwd"} <= {package.name for package in manifest.packages}
        assert manifest.edition.id in image.name
        bill = json.loads(sbom(manifest, recorded_sha256(image), is_disk=True))
        assert len(bill["components"]) == len(manifest.packages)
    assert len(checksums) == 1
