"""Guests that are defined and not started: what ``lab status``, ``lab verify`` and ``lab up`` say of them."""

import re
import shlex
from pathlib import Path

import pytest

from minetlab.checks import verify
from minetlab.checks.verify import Verdicts
from minetlab.cli import status
from minetlab.cli.up import show_lab
from tests.support.fake_program import SSH_SETTINGS
from tests.support.guests import answer
from tests.support.machines import NOT_RUN, stand, start_by_hand

REASON = "{}: defined, not started (guests_run is False on hv1)"


@pytest.fixture
def inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lab of Alice and Bob, whose KVM host runs no guest."""
    return stand(tmp_path, monkeypatch, "hv1", "ct1", hosts=NOT_RUN)


@pytest.fixture
def libvirt(inventory: Path, tmp_path: Path) -> Path:
    """A file that is what the host's libvirt says: two guests, all that there is in the lab."""
    inventory.write_text('kvm_hosts = [("hv1", {"guests_run": False})]\n')
    inventory.with_name("students.csv").write_text("name,login\nÉlève 0,s0\nÉlève 1,s1\n")
    inventory.with_name("allocation.csv").unlink()
    said = tmp_path / "libvirt"
    (tmp_path / "bin" / "ssh").write_text(f"{SSH_SETTINGS}exec cat {shlex.quote(str(said))}\n")
    return said


def of_guests(verdicts: Verdicts) -> dict[tuple[str, str], set[str]]:
    """Of each guest and verdict: the reasons."""
    found: dict[tuple[str, str], set[str]] = {}
    for each in verdicts.evidence:
        found.setdefault((each.machine, each.verdict), set()).add(each.reason.partition("\n")[0])
    return found


def test_what_is_inside_of_a_guest_that_is_off_is_not_demonstrable_for_one_reason(
    inventory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "WORKERS", 0)  # in this process: starting others takes longest here
    verdicts = verify.run(inventory, keyword="test_guests or test_host_sees_one or test_processor_leaves")
    assert verdicts.green
    assert of_guests(verdicts) == {
        (name, "not demonstrable"): {REASON.format(name)} for name in ("minet-alice", "minet-bob")
    }
    assert {"C03", "C04", "C05", "C06", "C07", "C13", "C15", "C16"} == {
        each.claim for each in verdicts.evidence if each.claim
    }
    (seen, *_) = [each for each in verdicts.evidence if each.claim == "C16"]
    assert ("hv1", "minet-alice\nminet-bob\n") in {(each.machine, each.output) for each in seen.observations}


def test_one_that_was_started_by_hand_is_verified(
    inventory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This one does not answer, and that is as wrong as of any other."""
    start_by_hand(tmp_path, "minet-bob")
    monkeypatch.setattr(verify, "WORKERS", 0)
    verdicts = verify.run(inventory, keyword="test_lscpu_is_the_slides")
    assert not verdicts.green
    found = of_guests(verdicts)
    assert found["minet-alice", "not demonstrable"] == {REASON.format("minet-alice")}
    (reason,) = found["minet-bob", "not checked"]
    assert reason.startswith("minet-bob cannot be reached over SSH")


def test_status_is_fine_with_guests_that_are_off_on_purpose(
    inventory: Path, libvirt: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    libvirt.write_text("\n".join(answer(2, active=False, autostart=False)))
    assert status.show(inventory, as_json=False, watch=False)
    said = capsys.readouterr().out
    assert "0 of 2 machines running, 2 intentionally off," in said
    assert said.count("shut off, as guests_run is False") == 2
    inventory.write_text('kvm_hosts = ["hv1"]\n')
    assert not status.show(inventory, as_json=False, watch=False)
    assert "guests_run" not in capsys.readouterr().out


def test_the_table_says_what_is_defined_only(
    inventory: Path, libvirt: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    libvirt.write_text("\n".join(answer(2, active=False, autostart=False)))
    verdicts = Verdicts(exit_codes=[0])
    verdicts.passed |= {"minet-s0": 4, "minet-s1": 4}
    show_lab(inventory, verdicts)
    said = capsys.readouterr().out
    assert len([line for line in said.splitlines() if line.rstrip().endswith("defined, not started")]) == 2
    assert "Every machine that runs shows what it should." in said
    assert "Guests that are defined, not started: 2. To have them run: guests_run = True" in said
    verdicts.failed["minet-s1"].append("test_domain_is_as_planned")
    show_lab(inventory, verdicts)
    assert "1 FAILED" in capsys.readouterr().out
    libvirt.write_text("\n".join(answer(2, autostart=False)))
    show_lab(inventory, Verdicts(exit_codes=[0]))
    said = capsys.readouterr().out
    assert "not started" not in said
    assert said.count("not verified") == 3


def test_a_guest_that_does_not_answer_is_named_with_what_to_do(
    inventory: Path, libvirt: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    libvirt.write_text("\n".join(answer(2)))
    show_lab(inventory, Verdicts(exit_codes=[1], unreachable={"minet-s1"}))
    said = capsys.readouterr().out
    assert [line for line in said.splitlines() if "does not answer" in line and "minet-s1" in line]
    assert "Guests that do not answer: minet-s1. Look at one with: ./lab console" in said
    assert re.search(r"make it anew, which loses what is in it: \./lab reset -i \S+ s1\n", said)
    show_lab(inventory, Verdicts(exit_codes=[1], unreachable={"minet-s1", "hv1"}))
    assert "Guests that do not answer" not in capsys.readouterr().out
