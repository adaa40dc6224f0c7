"""Operations on some students' machines: what they do to those, and that they do nothing to the others."""

import time
from pathlib import Path
from typing import Any

import pytest

from minetlab.lab import ContainerHostSettings
from minetlab.operations import docker, guests as guest_operations, students
from tests.support.container_host import CONTAINERS, STATE as DOCKER, answer as docker_answer, container_lines
from tests.support.fake_host import Run, run_by_a_host, run_operation
from tests.support.guests import LAB, SETTINGS, answer, guests
from tests.support.kvm_host import KVM, STATE, WORKING, steps_of

SNAPSHOTS = "snapshot-list"
HAS_ONE = ["@minet-s0", "lab-1700000000", "", "@minet-s1", "before-tp2"]
ALL = guests(3)
ONE = ALL[:1]
NEIGHBOURS = {guest.name for guest in ALL[1:]}


def run(operation: Any, responses: dict[str, Any], **arguments: Any) -> Run:
    return run_operation(operation, {**responses, KVM: WORKING}, lab=LAB, **arguments)


def leaves_neighbours_alone(commands: list[str]) -> None:
    changing = [command for command in commands if "@installed" not in command]
    assert not [each for each in changing for name in NEIGHBOURS if name in each.split()]


def test_a_guest_is_removed_with_its_disk_seed_and_console_and_no_other() -> None:
    result = run(students.remove_guests, {STATE: answer(3)}, guests=ONE)
    (removed, logs, files) = result.commands[1:]
    destroyed, undefined, *volumes = steps_of(removed)
    assert destroyed == ["destroy", str(ONE[0].uuid)]
    assert (undefined[0], undefined[-1]) == ("undefine", str(ONE[0].uuid))
    assert {each[0] for each in volumes} == {"vol-delete"}
    assert sorted(each[1].partition(".")[0][:13] for each in volumes) == ["minet-s0", "minet-s0-seed"]
    assert logs == "rm -f /var/log/libvirt/qemu/minet-s0.log*"
    assert files.startswith("rm -f ")
    assert "consoles/minet-s0.log" in files
    leaves_neighbours_alone(result.commands)


def test_removing_what_is_not_there_changes_nothing() -> None:
    result = run(students.remove_guests, {STATE: answer(2)}, guests=ALL[2:])
    assert (len(result.commands), result.idle) == (1, True)


def test_what_a_killed_run_has_left_of_a_guest_is_removed_without_its_domain() -> None:
    """Two guests: one is whole, and of the other only the disk and the seed are there."""
    two = answer(2)
    gone = str(ALL[1].uuid)
    start = next(number for number, line in enumerate(two) if "<name>minet-s1</name>" in line)
    first = max(number for number in range(start) if "<domain" in two[number])
    last = next(number for number in range(start, len(two)) if "</domain>" in two[number])
    lines = [line for line in (*two[:first], *two[last + 1 :]) if line != gone]
    result = run(students.remove_guests, {STATE: lines}, guests=ALL[:2])
    things = [steps_of(each) for each in result.sent("virsh ") if "@installed" not in each]
    assert [[step[0] for step in steps] for steps in things] == [
        ["destroy", "undefine", "vol-delete", "vol-delete"],
        ["vol-delete", "vol-delete"],
    ]
    assert "specs/domain-minet-s1.xml" in result.commands[-1]


def test_a_guest_that_is_off_is_not_switched_off_again() -> None:
    result = run(students.remove_guests, {STATE: answer(3, active=False)}, guests=ONE)
    assert [step[0] for step in steps_of(result.commands[1])] == ["undefine", "vol-delete", "vol-delete"]


@pytest.mark.parametrize(
    ("operation", "silent", "said"),
    [
        (students.remove_guests, {STATE: ["@installed", "@xml"]}, "libvirtd does not answer"),
        (students.remove_containers, {DOCKER: ['{"kind":"silence"}']}, "dockerd does not answer"),
    ],
)
def test_nothing_is_removed_on_a_host_that_is_silent_and_nothing_is_there_on_a_bare_one(
    operation: Any, silent: dict[str, Any], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    machines = {"guests": ONE} if operation is students.remove_guests else {"containers": CONTAINERS[:1]}
    failed = run(operation, silent, **machines)
    assert (failed.failed, len(failed.commands)) == (True, 1)
    assert said in caplog.text
    assert run(operation, {STATE: ["@memory", "900"]}, **machines).idle


def test_a_domain_of_somebody_else_is_not_removed() -> None:
    result = run(students.remove_guests, {STATE: answer(3, lab="other")}, guests=ONE)
    assert (len(result.commands), result.idle) == (1, True)


def test_a_guest_that_is_made_anew_leaves_its_neighbours_alone_and_unsaid(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whatever the state of the others: stopped, or with a spec of yesterday."""
    for lines in (answer(3), answer(3, active=False)):
        result = run(
            guest_operations.run,
            {STATE: lines},
            settings=SETTINGS,
            guests=ONE,
            require_kvm=False,
            neighbours=ALL,
        )
        leaves_neighbours_alone(result.commands)
        assert "not in the roster" not in caplog.text


def test_a_snapshot_takes_the_place_of_the_last_one() -> None:
    """It goes last: what fails before leaves a way back. Those that somebody else has taken stay."""
    lines = ["@minet-s0", "before-tp2", "lab", "lab-1700000000", ""]
    had = run(students.snapshot, {STATE: answer(3), SNAPSHOTS: lines}, guests=ONE)
    taken, *gone = [command.split()[4:] for command in had.commands[2:]]
    assert taken[:2] == ["snapshot-create-as", "minet-s0"]
    assert abs(int(taken[2].removeprefix("lab-")) - time.time()) < 60
    assert gone == [["snapshot-delete", "minet-s0", name] for name in ("lab", "lab-1700000000")]
    leaves_neighbours_alone(had.commands)
    first = run(students.snapshot, {STATE: answer(3), SNAPSHOTS: []}, guests=ONE)
    assert [command.split()[4] for command in first.commands[2:]] == ["snapshot-create-as"]


def test_no_snapshot_is_taken_of_a_guest_that_does_not_run(caplog: pytest.LogCaptureFixture) -> None:
    result = run(students.snapshot, {STATE: answer(3, active=False), SNAPSHOTS: []}, guests=ONE)
    assert (result.failed, len(result.commands)) == (True, 2)
    assert "not running: minet-s0" in caplog.text
    assert "bring them up: lab up; or lab reset" in caplog.text


@pytest.mark.parametrize("operation", [students.snapshot, students.revert])
def test_a_guest_that_is_off_on_purpose_is_left_off_and_it_is_said(
    operation: Any, caplog: pytest.LogCaptureFixture
) -> None:
    off = guests(3, run=False)
    responses = {STATE: answer(3, active=False, autostart=False), SNAPSHOTS: HAS_ONE}
    result = run(operation, responses, guests=off[:2])
    assert (result.failed, len(result.commands)) == (True, 2)
    assert "not running, as guests_run is False on @fake/ct1: minet-s0, minet-s1" in caplog.text
    assert "on @fake/ct1: virsh start minet-s0; or set guests_run = True" in caplog.text
    started = run(operation, {STATE: answer(3), SNAPSHOTS: HAS_ONE}, guests=off[:1])
    assert started.commands[2].split()[4] in {"snapshot-create-as", "snapshot-revert"}


def test_a_guest_that_is_made_anew_is_not_started_where_it_is_not_to_run() -> None:
    result = run(
        guest_operations.run,
        {STATE: answer(2)},
        settings=SETTINGS,
        guests=guests(3, run=False)[2:],
        require_kvm=False,
        neighbours=guests(3, run=False),
    )
    (made,) = (command for command in result.commands if "define --validate" in command)
    assert "start" not in made


def test_a_guest_goes_back_to_its_snapshot() -> None:
    """To the newest, where a run was killed that took one; also to one that an older version has taken."""
    lines = ["@minet-s0", "lab", "lab-1700000000", "lab-999999999", "later"]
    for there, name in ((lines, "lab-1700000000"), (["@minet-s0", "lab"], "lab")):
        result = run(students.revert, {STATE: answer(3), SNAPSHOTS: there}, guests=ONE)
        reverted, clock = result.commands[2:]
        assert reverted.endswith(f"snapshot-revert minet-s0 {name} --running")
        assert "domtime minet-s0 --now" in clock


def test_a_clock_that_cannot_be_set_is_said_and_the_next_guest_goes_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    silent = {"success": False, "stderr": ["minet-s0 has the time of its snapshot"]}
    responses: dict[str, Any] = {
        "domtime minet-s0": silent,
        STATE: answer(3),
        SNAPSHOTS: ["@minet-s0", "lab-1", "", "@minet-s1", "lab-1"],
    }
    result = run(students.revert, responses, guests=ALL[:2])
    assert not result.failed
    assert len([command for command in result.commands if "snapshot-revert" in command]) == 2
    assert "minet-s0 has the time of its snapshot" in caplog.text


def test_a_guest_is_asked_again_to_set_its_clock(tmp_path: Path) -> None:
    """The agent of one answers at the second question; that of the other, which has none, never."""
    (tmp_path / "sleep").write_text("#!/bin/sh\n")
    (tmp_path / "sleep").chmod(0o755)
    unanswered = "echo 'error: Guest agent is not responding' >&2; exit 1"
    late = f"[ -e {tmp_path}/asked ] && exit; touch {tmp_path}/asked; {unanswered}"
    assert run_by_a_host(students._set_clock("minet-s0"), late, tmp_path).returncode == 0
    never = run_by_a_host(students._set_clock("minet-s1"), unanswered, tmp_path)
    assert (never.returncode, never.stdout) == (1, "")
    assert never.stderr.splitlines() == [
        "minet-s1 has the time of its snapshot, as its guest agent does not answer: set its clock with date"
    ]


def test_without_a_snapshot_nothing_is_reverted_and_it_is_said(caplog: pytest.LogCaptureFixture) -> None:
    result = run(students.revert, {STATE: answer(3), SNAPSHOTS: HAS_ONE}, guests=ALL[:2])
    assert (result.failed, len(result.commands)) == (True, 2)
    assert "there is no snapshot of minet-s1" in caplog.text
    assert "lab reset" in caplog.text


@pytest.mark.parametrize("operation", [students.remove_guests, students.snapshot, students.revert])
def test_a_host_without_any_of_them_is_left_alone(operation: Any) -> None:
    result = run(operation, {STATE: answer(3)}, guests=())
    assert (len(result.commands), result.changed, result.failed) == (1, False, False)


def test_containers_are_removed_with_their_keys_and_no_other() -> None:
    result = run(
        students.remove_containers,
        {DOCKER: docker_answer(*container_lines())[DOCKER]},
        containers=CONTAINERS[:1],
    )
    name, other = CONTAINERS[0].name, CONTAINERS[1].name
    removed, keys = result.commands[2:]
    assert removed == f"docker container rm --force --volumes {name}"
    assert keys == f"rm -rf /var/lib/minet-lab/{LAB}/access/{name}"
    assert not any(other in command.split() for command in result.commands)
    gone = run(students.remove_containers, {DOCKER: docker_answer()[DOCKER]}, containers=CONTAINERS[:1])
    assert (len(gone.commands), gone.idle) == (2, True)


def test_a_home_folder_that_an_interrupted_run_left_is_removed() -> None:
    name, other = CONTAINERS[0].name, CONTAINERS[1].name
    responses = {
        DOCKER: docker_answer()[DOCKER],
        "findmnt --noheadings": [f"size 1024 {name}.img", f"size 1024 {other}.img", f"mounted {name}"],
    }
    result = run(students.remove_containers, responses, containers=CONTAINERS[:1])
    place = f"/var/lib/minet-lab/{LAB}/homes/{name}"
    (removal,) = result.sent("for place in")
    assert removal == (
        f"for place in {place} {place}.pts; do"
        " if mountpoint --quiet $place; then umount $place || exit 1; fi; done"
        f" && rm -rf {place} {place}.pts {place}.img"
    )


def test_a_container_that_is_made_anew_leaves_its_neighbours_alone_and_unsaid(
    caplog: pytest.LogCaptureFixture,
) -> None:
    lines = container_lines("exited")[1:]
    result = run(
        docker.containers,
        {DOCKER: docker_answer(*lines)[DOCKER]},
        containers=CONTAINERS[:1],
        settings=ContainerHostSettings(),
        neighbours=CONTAINERS,
    )
    started = [command for command in result.commands if command.startswith("docker run")]
    assert len(started) == 1
    assert f"--name={CONTAINERS[0].name}" in started[0]
    assert not [command for command in result.commands if command.startswith("docker container start")]
    assert "not in the roster" not in caplog.text
