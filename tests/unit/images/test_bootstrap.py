import tarfile
from pathlib import Path

import pytest

from minetlab.images.bootstrap import _require_same, write_files
from minetlab.images.recipe import ImageFile
from minetlab.util.errors import LabError
from tests.support.images import RECIPE
from tests.support.mirror import FIRST, edition, in_release


def test_files_belong_to_root_and_keep_their_mode(tmp_path: Path) -> None:
    tar = tmp_path / "files.tar"
    write_files(tar, (ImageFile(path="/etc/hook", content="é", mode=0o755),))
    with tarfile.open(tar) as archive:
        (member,) = archive.getmembers()
        assert (member.name, member.mode, member.uid, member.gid) == ("./etc/hook", 0o755, 0, 0)
        content = archive.extractfile(member)
        assert content and content.read().decode() == "é"


def test_an_image_of_other_packages_than_its_edition_has_is_refused(tmp_path: Path) -> None:
    releases = tmp_path / "releases"
    releases.write_text("".join(in_release(release) for release in edition().releases))
    _require_same(edition(), releases, RECIPE)
    with pytest.raises(LabError, match=r"does not have .* of 2026-11-09 any more") as caught:
        _require_same(edition(FIRST.replace(day=9)), releases, RECIPE)
    assert caught.value.next_step == "run the same command again"
