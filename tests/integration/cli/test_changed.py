"""``lab verify --changed``: what differs from the last green run, and only that."""

import shutil
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from minetlab.checks import history, verify
from minetlab.claims.changes import Check, EarlierRuns, Outcome, Run, changes
from minetlab.cli import changed
from minetlab.util.errors import LabError
from minetlab.util.paths import PROJECT_ROOT

WHEN = datetime(2026, 11, 24, 18, 2, tzinfo=UTC)
VERSIONS = {"hv1": {"QEMU": "10.0.8", "kernel": "6.12"}}


def run(*ended: str, versions: dict[str, dict[str, str]] | None = None) -> Run:
    """A run of checks such as ``alice/lscpu/passed/why``."""
    words = [[*each.split("/"), ""][:4] for each in ended]
    checks = tuple(
        Check.model_validate({"machine": machine, "name": name, "outcome": outcome, "reason": reason})
        for machine, name, outcome, reason in words
    )
    return Run(when=WHEN, checks=checks, versions=versions or {})


def differs(before: Run, now: Run, last: Run | None = None) -> list[str]:
    found = changes(EarlierRuns(green=before, last=last or before), now)
    return [f"{each.kind}: {each.machine}: {each.text}" for each in found]


GREEN = run("alice/a/passed", "alice/b/passed", "hv1/c/skipped/no hardware", versions=VERSIONS)


def test_the_same_again_is_no_difference() -> None:
    assert differs(GREEN, GREEN.model_copy(update={"when": datetime.now(UTC)})) == []


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (
            run("alice/a/failed/it is 6", "alice/b/passed", "hv1/c/skipped/no hardware"),
            ["new failure: alice: a: it is 6"],
        ),
        (
            run("alice/a/failed/no answer", "alice/b/skipped/alice does not answer", "hv1/c/skipped/x"),
            ["new failure: alice: a: no answer"],
        ),
        (
            run("alice/a/skipped/no KVM", "alice/b/skipped/no KVM", "hv1/c/passed"),
            ["not shown now: alice: a and 1 more: no KVM", "shown now: hv1: c"],
        ),
        (
            run("alice/a/failed/y", "alice/b/failed/x", "hv1/c/failed/x"),
            ["new failure: alice: a: y", "new failure: alice and 1 more: b and 1 more: x"],
        ),
        (run("alice/a/passed", "hv1/c/skipped/x"), ["checks: alice: 2 then, 1 now"]),
        (
            run("eve/a/passed", "alice/a/passed", "alice/b/passed"),
            [
                "added: eve: not in the last green run",
                "removed: hv1: in the last green run, but not in this one",
            ],
        ),
    ],
)
def test_each_difference_is_one_line(now: Run, said: list[str]) -> None:
    assert differs(GREEN, now) == said


def test_a_version_that_is_another_is_said_and_one_that_is_not_known_is_not() -> None:
    newer = {"hv1": {"QEMU": "10.0.9", "kernel": "6.12"}, "ct1": {"Docker": "26"}}
    assert differs(GREEN, GREEN.model_copy(update={"versions": newer})) == [
        "version: hv1: QEMU: 10.0.8 then, 10.0.9 now"
    ]
    assert differs(GREEN, GREEN.model_copy(update={"versions": {}})) == []


def test_what_the_last_run_found_wrong_and_is_right_has_recovered() -> None:
    last = run("alice/a/failed/x", "alice/b/failed/x", "hv1/c/skipped/no hardware")
    now = run("alice/a/passed", "alice/b/failed/x", "hv1/c/skipped/no hardware")
    assert differs(GREEN, now, last) == ["new failure: alice: b: x", "recovered: alice: a"]


def test_without_a_green_run_failures_are_all_that_is_known() -> None:
    found = changes(EarlierRuns(), run("alice/a/failed/x", "alice/b/passed"))
    assert [each.kind for each in found] == ["new failure"]


def test_a_run_that_is_not_green_leaves_the_green_one(tmp_path: Path) -> None:
    path = tmp_path / "labs" / "verified.json"
    assert history.read(path) == EarlierRuns()
    history.keep(path, GREEN, green=True)
    red = run("alice/a/failed/x")
    history.keep(path, red, green=False)
    assert history.read(path) == EarlierRuns(green=GREEN, last=red)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_is_broken_is_named_and_the_next_run_replaces_it(tmp_path: Path) -> None:
    path = tmp_path / "verified.json"
    path.write_text("{}}")
    with pytest.raises(LabError, match=r"verified\.json cannot be read as a record"):
        history.read(path)
    history.keep(path, GREEN, green=True)
    assert history.read(path).green == GREEN


@pytest.fixture
def inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One host, which does not answer."""
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(verify, "WORKERS", 0)  # in this process: starting others takes longest here
    shutil.copytree(PROJECT_ROOT / "inventories", tmp_path / "course")
    inventory = tmp_path / "course" / "lab.py"
    inventory.write_text('kvm_hosts = [("hv1", {"ssh_hostname": "127.0.0.1", "ssh_port": 1})]\n')
    return inventory


def test_what_does_not_answer_is_all_that_is_listed(
    inventory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """First with nothing to compare with, then with a run in which all of it was shown."""
    assert not changed.compare(inventory, everything=False)
    said = capsys.readouterr().out
    assert "No green run of this inventory is known here" in said
    path = history.path_of("minet", inventory, everything=False)
    seen = history.read(path).last
    assert seen is not None
    passed: Outcome = "passed"
    shown = tuple(check.model_copy(update={"outcome": passed, "reason": ""}) for check in seen.checks)
    history.keep(path, seen.model_copy(update={"checks": shown}), green=True)
    assert not changed.compare(inventory, everything=False)
    said = capsys.readouterr().out
    assert "Compared with the last run that was green" in said
    lines = [line.split()[2] for line in said.splitlines() if line.startswith("  new failure")]
    assert lines == ["hv1"]
    assert "  new failure    hv1 and 2 more: test_" in said
    assert "hv1 cannot be reached over SSH" in said
    assert "→ try it by hand" in said
    assert "nothing else differs" in said
    assert not any(kind in said for kind in ("not shown now", "removed", "checks  "))


def test_a_part_of_the_lab_is_not_compared_and_not_kept(inventory: Path, tmp_path: Path) -> None:
    verify.run(inventory, keyword="libvirt_answers")
    assert not list(tmp_path.glob("state/labs/*/verified-*"))
    command = [sys.executable, "-m", "minetlab", "verify", "--changed", "--student", "alice"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1
    assert "--changed compares whole labs" in result.stderr
