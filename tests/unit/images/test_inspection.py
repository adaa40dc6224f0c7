"""Images of others are refused for what qemu-img says of them; tests/e2e/test_images.py asks the real one."""

from pathlib import Path
from typing import Any

import pytest

from minetlab.images.inspection import require_plain
from minetlab.util.errors import LabError
from tests.support.qemu_img import toolbox_with

ADDRESS = "https://example.org/debian.qcow2"
GIB = 2**30


def inspect(folder: Path, content: bytes = b"QFI\xfb", disk_gib: int = 8, **answer: object) -> None:
    image = folder / "image"
    image.write_bytes(content)
    require_plain(image, ADDRESS, disk_gib, toolbox_with(folder, **answer))


@pytest.mark.parametrize("size", [2 * GIB, 8 * GIB])
def test_a_plain_image_that_fits_is_let_through(tmp_path: Path, size: int) -> None:
    inspect(tmp_path, virtual_size=size, format_specific={"type": "qcow2", "data": {"compat": "1.1"}})


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"backing_filename": "/etc/shadow"}, "on top of another file, '/etc/shadow'"),
        ({"backing_filename": ""}, "on top of another file"),
        ({"format_specific": {"data": {"data-file": "/dev/sda"}}}, "in another file, '/dev/sda'"),
        ({"encrypted": True}, "it is encrypted"),
        ({"format_specific": {"data": {"corrupt": True}}}, "damaged"),
        ({"virtual_size": "many"}, "no qcow2 image"),
    ],
)
def test_what_is_no_disk_by_itself_is_refused(tmp_path: Path, answer: dict[str, Any], reason: str) -> None:
    with pytest.raises(LabError) as caught:
        inspect(tmp_path, **answer)
    assert reason in caught.value.problem
    assert ADDRESS in caught.value.problem
    assert "guest_image" in caught.value.next_step


def test_another_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no qcow2 image"):
        inspect(tmp_path, b"\xeb\x63\x90")


def test_a_disk_that_is_larger_than_that_of_a_guest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"a disk of 8\.5 GiB, guests have 8 GiB"):
        inspect(tmp_path, virtual_size=8 * GIB + GIB // 2)
