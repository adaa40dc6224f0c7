from pathlib import Path

from minetlab.images.manifest import (
    ImageManifest,
    Package,
    changed_packages,
    manifest_file,
    read_manifest,
    read_packages,
)
from tests.support.images import manifest

PRINTED = (
    "installed\tzlib1g\t1:1.3\tamd64\tzlib\t1:1.3\n"
    "config-files\told\t1\tamd64\told\t1\n"
    "installed\tadduser\t3.1\tall\tadduser\t3.1\n"
)


def test_installed_packages_are_read_by_name() -> None:
    assert read_packages(PRINTED) == (
        Package(name="adduser", version="3.1", architecture="all", source="adduser", source_version="3.1"),
        Package(name="zlib1g", version="1:1.3", architecture="amd64", source="zlib", source_version="1:1.3"),
    )


def test_each_package_that_differs_is_told() -> None:
    old = manifest({"libc6": "1", "nano": "8", "zlib1g": "2"}, archives={"tp-isa": {"gcc": "14"}})
    new = manifest({"libc6": "1", "vim": "9", "zlib1g": "3"}, archives={"tp-isa": {"gcc": "15"}})
    assert list(changed_packages(old, new)) == [
        "nano: 8 → removed",
        "tp-isa: gcc: 14 → 15",
        "vim: not there → 9",
        "zlib1g: 2 → 3",
    ]
    assert not list(changed_packages(old, old))


def test_a_manifest_is_beside_its_image(tmp_path: Path) -> None:
    wanted = manifest({"zlib1g": "3"})
    for name in ("a-1-2.qcow2", "b-1-2.tar.gz"):
        image = tmp_path / name
        assert read_manifest(image) is None
        manifest_file(image).write_text(wanted.model_dump_json())
        assert read_manifest(image) == wanted
        manifest_file(image).write_text("{}")
        assert read_manifest(image) is None
    assert {file.name for file in tmp_path.iterdir()} == {"a-1-2.json", "b-1-2.json"}


def test_a_manifest_is_read_as_it_was_written() -> None:
    wanted = manifest({"zlib1g": "3"}, archives={"tp-isa": {"gcc": "14"}})
    assert ImageManifest.model_validate_json(wanted.model_dump_json()) == wanted
