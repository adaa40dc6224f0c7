"""Pool, network and teardown, on a host that answers from a script."""

import re
from typing import Any

import pytest

from minetlab.operations import libvirt
from tests.support.fake_host import Run, run_operation
from tests.support.guests import LAB, NETWORK, answer, guests

STATE = "@installed"
EMPTY = ["@memory", "900", "@installed", "@domains", "@xml"]


def network(lines: list[str], number: int) -> Run:
    return run_operation(libvirt.network, {STATE: lines}, lab=LAB, network=NETWORK, guests=guests(number))


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        (libvirt.services, {}),
        (libvirt.pool, {}),
        (libvirt.network, {"network": NETWORK, "guests": guests(30)}),
    ],
)
def test_a_no_op_is_one_command_whatever_the_number_of_students(
    operation: Any, arguments: dict[str, Any]
) -> None:
    run = run_operation(operation, {STATE: answer(30)}, lab=LAB, **arguments)
    assert (len(run.commands), run.changed, run.failed) == (1, False, False)


def test_pool_and_network_are_made_up_now_and_at_boot() -> None:
    pool = run_operation(libvirt.pool, {STATE: EMPTY}, lab=LAB).commands
    assert [command.split()[4] for command in pool[-2:]] == ["pool-start", "pool-autostart"]
    assert "pool-define" in pool[-3]
    made = network(EMPTY, 2).commands
    assert "net-define" in made[1]
    assert [command.split()[4] for command in made[2:]] == ["net-start", "net-autostart"]


def test_students_who_come_and_go_do_not_take_the_network_down() -> None:
    for number, word in ((2, " delete "), (4, " add-last ")):
        run = network(answer(3), number)
        assert word in run.commands[1]
        assert run.commands[1].endswith("--live --config")
        assert not any("net-destroy" in command or "net-define" in command for command in run.commands)


def test_they_do_where_no_guest_runs_which_is_faster_than_reservation_by_reservation() -> None:
    run = network(answer(3, active=False), 40)
    assert "net-define" in run.commands[1]
    assert re.match(r"virsh \S+ \S+ \S+ net-destroy minet && virsh .* net-start minet && \{", run.commands[2])
    assert not any("net-update" in command for command in run.commands)


def test_guests_are_plugged_in_also_where_a_killed_run_has_left_the_network_down() -> None:
    lines = answer(3)
    down = lines.index("@networks-active") + 1
    run = network([*lines[:down], *lines[down + 1 :]], 3)
    (started,) = run.commands[1:]
    assert "net-start" in started
    assert "net-destroy" not in started
    assert 'ip link set "$tap" master "$bridge"' in started


def test_a_network_or_pool_of_somebody_else_is_refused() -> None:
    run = network(answer(3, lab="other"), 3)
    assert (run.failed, len(run.commands)) == (True, 1)
    lines = [line.replace("/minet-lab/minet/disks</path>", "/theirs</path>") for line in answer(3)]
    run = run_operation(libvirt.pool, {STATE: lines}, lab=LAB)
    assert (run.failed, len(run.commands)) == (True, 1)


@pytest.mark.parametrize("operation", [libvirt.pool, libvirt.teardown])
def test_a_silent_libvirtd_fails_the_host(operation: Any) -> None:
    run = run_operation(operation, {STATE: ["@installed", "@xml"]}, lab=LAB)
    assert (run.failed, len(run.commands)) == (True, 1)


def test_absent_removes_what_carries_the_label() -> None:
    commands = run_operation(libvirt.teardown, {STATE: answer(2)}, lab=LAB).commands[1:]
    text = "\n".join(commands)
    for guest in guests(2):
        assert f"destroy {guest.uuid}" in text
        assert (
            f"undefine --managed-save --snapshots-metadata --checkpoints-metadata --nvram {guest.uuid}"
            in text
        )
    for words in (
        f"net-undefine {LAB}",
        f"pool-undefine {LAB}",
        f"rm -rf /var/lib/libvirt/images/minet-lab/{LAB}",
    ):
        assert words in text


def test_absent_leaves_alone_what_carries_another_label() -> None:
    lines = [line for line in answer(2, lab="other") if "minet-lab/minet" not in line]
    run = run_operation(libvirt.teardown, {STATE: lines}, lab=LAB)
    assert (len(run.commands), run.changed) == (1, False)


def test_absent_is_a_no_op_on_a_host_without_libvirt() -> None:
    run = run_operation(libvirt.teardown, {STATE: ["@memory", "900"]}, lab=LAB)
    assert (len(run.commands), run.changed, run.failed) == (1, False, False)
