"""The folders where the project keeps its files."""

from pathlib import Path

import pytest

from minetlab.util.errors import LabError
from minetlab.util.paths import cache_dir, state_dir


def test_variables_move_the_folders_and_they_are_made_for_this_user_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINETLAB_CACHE", str(tmp_path / "a" / "cache"))
    monkeypatch.delenv("MINETLAB_STATE")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert cache_dir() == tmp_path / "a" / "cache"
    assert state_dir() == tmp_path / "state" / "minet-lab"
    assert {folder.stat().st_mode & 0o777 for folder in (cache_dir(), state_dir())} == {0o700}


def test_a_file_in_place_of_a_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path / "file"))
    with pytest.raises(LabError, match=r"file cannot be used as a folder: File exists(?s:.)*MINETLAB_STATE"):
        state_dir()
