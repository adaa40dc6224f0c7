"""``lab status``: what hosts' own labels say stands there, against what is planned."""

import json
import shlex
from pathlib import Path

import pytest

from minetlab.inventory.hosts import InventoryHost
from minetlab.lab import ContainerHost, ContainerHostSettings, KvmHost, Lab, Student
from minetlab.machines import status
from minetlab.machines.status import MISSING, SILENT, states
from minetlab.plan import allocate
from tests.support.guests import LAB, SETTINGS, answer

STUDENTS = tuple(Student(login=f"s{each}", name=f"Élève {each}") for each in range(2))
HOSTS = (InventoryHost("hv1", ("kvm_hosts",), {}), InventoryHost("ct1", ("container_hosts",), {}))


def lab_of(students: tuple[Student, ...], *, run: bool = True) -> Lab:
    return Lab(
        name=LAB,
        students=students,
        kvm_hosts=(KvmHost(name="hv1", settings=SETTINGS.model_copy(update={"guests_run": run})),),
        container_hosts=(ContainerHost(name="ct1", settings=ContainerHostSettings()),),
    )


def container(student: str, state: str, lab: str = LAB) -> str:
    fields = {"kind": "container", "name": f"minet-{student}-processus", "state": state, "lab": lab}
    return json.dumps({**fields, "student": student, "spec": "", "fields": "{}"})


@pytest.fixture
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what each host answers, by alias: ssh prints that, and fails where there is none."""
    ssh = tmp_path / "bin" / "ssh"
    ssh.parent.mkdir()
    ssh.write_text(f'#!/bin/sh\nexec cat {shlex.quote(str(tmp_path))}/"$6"\n')
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", str(ssh.parent), prepend=":")
    return tmp_path


def seen(students: tuple[Student, ...] = STUDENTS) -> dict[str, tuple[str, bool]]:
    lab = lab_of(students)
    return {
        each.name: (each.state, each.planned)
        for each in states(lab, allocate(lab), HOSTS, Path("ssh_config"))
    }


def test_what_runs_what_does_not_and_what_is_missing(answers: Path) -> None:
    (answers / "hv1").write_text("\n".join(answer(1, active=False)))
    (answers / "ct1").write_text("\n".join([container("s0", "running"), container("s9", "running", "other")]))
    assert seen() == {
        "minet-s0": ("shut off", True),
        "minet-s1": (MISSING, True),
        "minet-s0-processus": ("running", True),
        "minet-s1-processus": (MISSING, True),
    }


def test_machines_of_somebody_who_left_are_found_by_their_labels(answers: Path) -> None:
    (answers / "hv1").write_text("\n".join(answer(2)))
    (answers / "ct1").write_text("\n".join([container("s0", "running"), container("s1", "exited")]))
    found = seen(STUDENTS[:1])
    assert found["minet-s1"] == ("running", False)
    assert found["minet-s1-processus"] == ("exited", False)


def test_a_guest_that_is_not_to_run_is_fine_off_and_running_and_not_where_it_is_missing(
    answers: Path,
) -> None:
    def guests(*, run: bool) -> dict[str, tuple[str, bool]]:
        lab = lab_of(STUDENTS, run=run)
        found = states(lab, allocate(lab), HOSTS[:1], Path("ssh_config"))
        return {each.name: (each.state, each.fine) for each in found}

    (answers / "hv1").write_text("\n".join(answer(1, active=False)))
    assert guests(run=False) == {"minet-s0": ("shut off", True), "minet-s1": (MISSING, False)}
    assert guests(run=True) == {"minet-s0": ("shut off", False), "minet-s1": (MISSING, False)}
    (answers / "hv1").write_text("\n".join(answer(2)))
    assert guests(run=False) == {"minet-s0": ("running", True), "minet-s1": ("running", True)}


def test_a_host_that_does_not_answer_does_not_hide_the_others(answers: Path) -> None:
    (answers / "ct1").write_text(container("s0", "running"))
    found = seen()
    assert found["minet-s0"] == found["minet-s1"] == (SILENT, True)
    assert found["minet-s0-processus"] == ("running", True)
    (answers / "ct1").write_text("no JSON")
    assert seen()["minet-s0-processus"] == (SILENT, True)


def test_of_a_daemon_that_does_not_answer_nothing_is_known_to_be_missing(answers: Path) -> None:
    (answers / "hv1").write_text("@memory\n64000\n@installed\n")
    (answers / "ct1").write_text('{"kind": "silence"}\n')
    assert set(seen().values()) == {(SILENT, True)}
    # Where there is no daemon at all, nothing of the lab can be.
    (answers / "hv1").write_text("@memory\n64000\n")
    (answers / "ct1").write_text("")
    assert set(seen().values()) == {(MISSING, True)}


def test_a_host_that_hangs_is_given_up(answers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "HOST_ANSWER_LIMIT", 0.2)
    (answers / "bin" / "ssh").write_text("#!/bin/sh\nexec sleep 60\n")
    assert {state for state, _ in seen().values()} == {SILENT}
