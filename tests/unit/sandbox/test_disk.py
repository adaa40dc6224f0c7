"""What is below a host's disk, and when it is not what the disk was made on."""

import stat
from pathlib import Path

import pytest

from minetlab.images.cache import record_checksum, sha256
from minetlab.sandbox.disk import broken_image, make_overlay
from minetlab.sandbox.machine import HostRecord
from tests.support.fake_toolbox import SMALL, FakeToolbox
from tests.support.qemu import TCG


@pytest.fixture
def record(tmp_path: Path) -> HostRecord:
    image, booted = tmp_path / "image.qcow2", tmp_path / "booted.qcow2"
    for file in (image, booted):
        file.write_text(file.name)
        record_checksum(file, file)
    return HostRecord(
        spec=SMALL,
        image=image,
        image_sha256=sha256(image),
        booted=booted,
        booted_sha256=sha256(booted),
        accelerator=TCG,
    )


def test_images_that_are_as_they_were_are_whole(record: HostRecord) -> None:
    assert broken_image(record) is None
    assert broken_image(record.model_copy(update={"booted": None, "booted_sha256": None})) is None


@pytest.mark.parametrize("which", ["image", "booted"])
@pytest.mark.parametrize("checksum", ["0" * 64, "g" * 64])
def test_an_image_that_was_made_again_is_broken(record: HostRecord, which: str, checksum: str) -> None:
    assert broken_image(record.model_copy(update={f"{which}_sha256": checksum})) == getattr(record, which)


@pytest.mark.parametrize("which", ["image", "booted"])
def test_an_image_that_is_gone_or_damaged_is_broken(record: HostRecord, which: str) -> None:
    file: Path = getattr(record, which)
    file.write_text("?")
    assert broken_image(record) == file
    file.unlink()
    assert broken_image(record) == file


def test_a_booted_image_whose_checksum_nobody_knows_is_not_looked_at(record: HostRecord) -> None:
    assert broken_image(record.model_copy(update={"booted_sha256": None, "booted": Path("/nowhere")})) is None


def test_a_disk_is_private_and_can_be_moved_with_what_is_below_it(
    toolbox: FakeToolbox, tmp_path: Path
) -> None:
    disk = tmp_path / "state" / "disk.qcow2"
    make_overlay(toolbox, disk, tmp_path / "cache" / "image.qcow2")
    assert disk.read_text() == "on ../cache/image.qcow2\n"
    assert stat.S_IMODE(disk.stat().st_mode) == 0o600
