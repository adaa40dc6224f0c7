"""``pytest tests/hosts`` as a user runs it, where the inventory is wrong or nothing answers."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from markupsafe import escape

from minetlab.checks import verify as cli
from minetlab.checks.session import Session
from minetlab.claims.claims import CLAIMS
from minetlab.cli import report
from minetlab.inventory.hosts import InventoryHost
from minetlab.inventory.load import LoadedLab
from minetlab.util.paths import PROJECT_ROOT
from tests.support.fake_program import SSH_SETTINGS


def verify(inventory: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", str(PROJECT_ROOT / "tests" / "hosts")]
    environment = {**os.environ, "MINETLAB_STATE": str(inventory.parent / "state"), "COLUMNS": "200"}
    return subprocess.run(
        [*command, "--inventory", str(inventory)],
        cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    """A copy in another folder, whose one host is an address where nothing listens."""
    shutil.copytree(PROJECT_ROOT / "inventories", tmp_path / "course")
    inventory = tmp_path / "course" / "lab.py"
    inventory.write_text('kvm_hosts = [("hv1", {"ssh_hostname": "127.0.0.1", "ssh_port": 1})]\n')
    return inventory


def test_a_wrong_inventory_is_one_message_and_a_status(inventory: Path) -> None:
    settings = inventory.parent / "group_data" / "kvm_hosts.py"
    settings.write_text('guest = {"memory": "much"}\n')
    result = verify(inventory)
    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"{settings}, line 1: guest.memory" in result.stderr
    assert "Traceback" not in result.stdout + result.stderr


def test_what_does_not_answer_fails_once_a_machine_and_says_what_to_do(inventory: Path) -> None:
    result = verify(inventory)
    assert result.returncode == pytest.ExitCode.TESTS_FAILED
    assert "Traceback" not in result.stdout + result.stderr
    assert "hv1 cannot be reached over SSH: ssh: connect to host 127.0.0.1 port 1" in result.stdout
    assert "→ try it by hand: ssh -F" in result.stdout
    errors = re.findall(r"^ERROR .*\[([^:\]]+)", result.stdout, re.MULTILINE)
    assert sorted(errors) == ["hv1", "minet-alice", "minet-bob"]
    assert "passed" not in result.stdout.splitlines()[-1]


# Runs the first command of a connection here, and loses every later one.
SSH_THAT_FALLS_SILENT = f"""\
{SSH_SETTINGS}\
for command; do :; done
mkdir "$COUNTED" 2>/dev/null && exec sh -c "$command"
echo "Connection reset by peer" >&2
exit 255
"""


def test_what_falls_silent_during_a_check_violates_nothing(
    inventory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ssh = inventory.with_name("bin") / "ssh"
    ssh.parent.mkdir()
    ssh.write_text(SSH_THAT_FALLS_SILENT)
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{ssh.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("COUNTED", str(inventory.with_name("answered")))
    monkeypatch.setenv("MINETLAB_STATE", str(inventory.with_name("state")))
    monkeypatch.setattr(cli, "WORKERS", 0)  # in this process: starting others takes longest here
    verdicts = cli.run(inventory, keyword="emulator_is_a_plain_process or libvirt_answers")
    assert not verdicts.green
    assert {(each.claim, each.machine, each.verdict) for each in verdicts.evidence} == {
        ("C17", "hv1", "not checked"),
        (None, "hv1", "not checked"),
    }
    assert all("Connection reset by peer" in each.reason for each in verdicts.evidence)


def test_everything_that_is_seen_over_one_connection_is_for_one_worker() -> None:
    data = {"lab_name": "minet", "roster": str(PROJECT_ROOT / "inventories" / "students.csv")}
    hosts = (
        InventoryHost("@sandbox/hv1", ("kvm_hosts",), data),
        InventoryHost("ct1", ("container_hosts",), data),
    )
    session = Session(LoadedLab.of(hosts))
    seen = {
        (name, inside): session.connection_of(name, inside=inside)
        for name in ("hv1", "minet-alice", "minet-alice-processus")
        for inside in (True, False)
    }
    assert seen == {
        ("hv1", True): "hv1",
        ("hv1", False): "hv1",
        ("minet-alice", True): "minet-alice",
        ("minet-alice", False): "hv1",
        ("minet-alice-processus", True): "minet-alice-processus",
        ("minet-alice-processus", False): "minet-alice-processus",
    }


def test_a_report_of_machines_that_do_not_answer_shows_nothing_as_demonstrated(
    inventory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is known of a claim about a KVM host or a guest, and the page says why."""
    folder = inventory.parent / "report"
    monkeypatch.setenv("MINETLAB_STATE", str(inventory.with_name("state")))
    monkeypatch.setattr(cli, "WORKERS", 0)  # in this process: starting others takes longest here
    assert not report.write(inventory, folder)
    found = {
        each["claim"]["id"]: each for each in json.loads((folder / "report.json").read_text())["findings"]
    }
    assert found.keys() == {claim.id for claim in CLAIMS}
    for claim in CLAIMS:
        evidence = found[claim.id]["evidence"]
        assert {each["verdict"] for each in evidence} <= {"not checked"}
        assert bool(evidence) == bool({"kvm_host", "guest"} & set(claim.where))
        assert all("hv1" in each["reason"] for each in evidence)
    page = (folder / "report.html").read_text()
    assert all(f'id="{claim.id}"' in page and escape(claim.slide) in page for claim in CLAIMS)
    assert "cannot be reached over SSH" in page
    assert "non vérifié" in page
    assert "violé<" not in page
    assert 'tests="' in (folder / "junit.xml").read_text()
