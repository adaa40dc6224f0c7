"""The file that remembers verifications: one for each lab, inventory and kind, and never in the way."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from minetlab.checks import history
from minetlab.claims.changes import Check, EarlierRuns, Run
from minetlab.util.errors import LabError

PASSED = Check(machine="hv1", name="a", outcome="passed")
FIRST, SECOND = (
    Run(when=datetime(2026, 11, day, tzinfo=UTC), checks=(PASSED,), versions={}) for day in (1, 2)
)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path))
    return history.path_of("minet", Path("inventories/rehearsal.py"), everything=False)


def test_each_lab_inventory_and_kind_has_a_file(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "labs" / "minet"
    assert file == folder / "verified-rehearsal-quick.json"
    path = history.path_of("minet", Path("inventories/rehearsal.py"), everything=True)
    assert path == folder / "verified-rehearsal-all.json"


def test_the_last_run_and_the_last_green_one_are_remembered(file: Path) -> None:
    assert history.read(file) == EarlierRuns()
    history.keep(file, FIRST, green=True)
    history.keep(file, SECOND, green=False)
    assert history.read(file) == EarlierRuns(green=FIRST, last=SECOND)


def test_others_cannot_read_it(file: Path) -> None:
    file.parent.mkdir(mode=0o755, parents=True)
    history.keep(file, FIRST, green=True)
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "{", '{"last": 3}'])
def test_a_damaged_file_is_an_error_when_it_is_read_and_is_replaced(file: Path, content: str) -> None:
    file.parent.mkdir(parents=True)
    file.write_text(content)
    with pytest.raises(LabError, match="cannot be read as a record") as failure:
        history.read(file)
    assert "delete it" in str(failure.value)
    history.keep(file, FIRST, green=False)
    assert history.read(file) == EarlierRuns(last=FIRST)


def test_what_cannot_be_opened_is_an_error_too(file: Path) -> None:
    file.mkdir(parents=True)
    with pytest.raises(LabError, match="cannot be read as a record"):
        history.read(file)
