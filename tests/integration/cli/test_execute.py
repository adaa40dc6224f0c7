"""``lab exec``: one command on many machines. Shells, timeout(1) and exit statuses are real."""

import shlex
import time
from pathlib import Path

import pytest

from minetlab.cli import execute
from minetlab.plan import allocate
from minetlab.ssh import student_machines
from minetlab.util.errors import LabError
from tests.support.fake_program import SSH_SETTINGS
from tests.support.machines import ALL, NOT_RUN, lab_of, stand, start_by_hand


@pytest.fixture
def inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return stand(tmp_path, monkeypatch, *ALL)


def run(inventory: Path, command: str, *logins: str, **more: object) -> bool:
    given = {"tp": None, "root": False, "limit": 20.0, "everybody": not logins, **more}
    return execute.run_command(inventory, command, list(logins) or None, **given)  # type: ignore[arg-type]


def test_everybodys_guest_runs_it_as_its_student(inventory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(inventory, 'echo "I am $LOGNAME" in ${PWD##*/}')
    said = capsys.readouterr().out
    assert "alice (minet-alice)\n    I am alice in minet-alice\n" in said
    assert "bob (minet-bob)\n    I am bob in minet-bob\n" in said
    assert "processus" not in said


def test_only_who_is_named_as_root_or_in_a_container(
    inventory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(inventory, "echo $LOGNAME", "bob", root=True)
    assert capsys.readouterr().out == "bob (minet-bob)\n    root\n"
    assert run(inventory, "echo ${PWD##*/}", "bob", tp="processus")
    assert capsys.readouterr().out == "bob (minet-bob-processus)\n    minet-bob-processus\n"


@pytest.mark.parametrize("machine", allocate(lab_of("alice")).machines, ids=lambda machine: machine.name)
@pytest.mark.parametrize("text", ["it's", '"$HOME" `x` $(y) \\n', "a\nb", "-n", "; false", "é"])
def test_a_command_arrives_as_it_was_typed(
    inventory: Path, machine: student_machines.StudentMachine, text: str
) -> None:
    command = f"printf '[%s]' {shlex.quote(text)}; true"
    answer = student_machines.run(
        Path("ssh_config"), machine, student_machines.command_line(machine, command, 20), 20
    )
    assert (answer.problem, answer.output) == ("", f"[{text}]")


def test_one_that_fails_fails_all_and_stops_none(inventory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not run(inventory, "echo on its way; [ $LOGNAME = bob ] || { echo lost >&2; exit 3; }")
    said = capsys.readouterr().out
    assert "alice (minet-alice): exit status 3\n    on its way\n    lost\n" in said
    assert "bob (minet-bob)\n    on its way\n" in said
    assert "succeeded on 1 of 2 machines" in said


def test_one_that_takes_too_long_is_ended_there_and_said(
    inventory: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    marker = tmp_path / "still running"
    begun = time.monotonic()
    assert not run(inventory, f"[ $LOGNAME = bob ] || {{ sleep 3; touch '{marker}'; }}", limit=1.0)
    said = capsys.readouterr().out
    assert "alice (minet-alice): not done within 1 s" in said
    assert "bob (minet-bob)\n" in said
    time.sleep(max(0.0, begun + 5 - time.monotonic()))
    assert not marker.exists()


def test_a_machine_or_a_host_that_does_not_answer_is_said(
    inventory: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "machines" / "minet-alice").rename(tmp_path / "gone")
    assert not run(inventory, "true")
    said = capsys.readouterr().out
    assert (
        "alice (minet-alice): no answer: ssh: connect to host minet-alice port 22: No route to host" in said
    )
    assert "bob (minet-bob)\n" in said
    (tmp_path / "machines" / "ct1").rename(tmp_path / "gone as well")
    assert not run(inventory, "true", tp="processus")
    said = capsys.readouterr().out
    assert (
        "not asked: minet-alice-processus, minet-bob-processus: "
        "its host ct1 does not answer: ssh: connect to host ct1"
    ) in said
    assert "succeeded on 0 of 2 machines" in said


def test_guests_that_are_off_on_purpose_are_said_and_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    inventory = stand(tmp_path, monkeypatch, "hv1", "ct1", "minet-bob", hosts=NOT_RUN)
    start_by_hand(tmp_path, "minet-bob")
    assert not run(inventory, "echo I am $LOGNAME")
    said = capsys.readouterr().out
    assert (
        "not asked: minet-alice: off, as guests_run is False on hv1 → on hv1: virsh start NAME; "
        "or set guests_run = True for hv1, then lab up\n"
    ) in said
    assert "bob (minet-bob)\n    I am bob\n" in said
    assert "succeeded on 1 of 2 machines" in said


def test_what_hangs_is_given_up(inventory: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(student_machines, "ANSWER_LIMIT", 0.2)
    (tmp_path / "bin" / "ssh").write_text(f"{SSH_SETTINGS}exec sleep 60\n")
    assert not run(inventory, "true")


def test_what_a_machine_prints_does_nothing_to_the_terminal(
    inventory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(inventory, r"printf 'a\033]0;title\007\rb\tc\377\302\233'", "alice")
    shown = "    a␛]0;title␇\n    b\tc\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}\n"
    assert capsys.readouterr().out == f"alice (minet-alice)\n{shown}"


@pytest.mark.parametrize(
    ("logins", "more", "said"),
    [
        ((), {"everybody": False}, "no target is given"),
        (("alice",), {"everybody": True}, "no target is given"),
        (("eve",), {}, "not in the roster: eve"),
        ((), {"tp": "processes"}, r"no containers of a TP 'processes'(?s:.*)processus"),
        ((), {"tp": "processus", "root": True}, "no way to become root"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    inventory: Path, logins: tuple[str, ...], more: dict[str, object], said: str
) -> None:
    with pytest.raises(LabError, match=said):
        run(inventory, "true", *logins, **more)
