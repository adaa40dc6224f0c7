"""Pool, network and teardown, on a host that answers from a script."""

import re
from ipaddress import IPv4Network
from typing import Any

import pytest

from minetlab.lab import GuestSize, NatNetwork
from minetlab.operations import guests as operations, libvirt
from tests.support.fake_host import Run, run_operation
from tests.support.guests import LAB, NETWORK, SETTINGS, answer, guests
from tests.support.kvm_host import IDLE, KVM, WORKING, times

STATE = "@installed"
EMPTY = ["@memory", "900", "@installed", "@domains", "@xml"]


def network(lines: list[str], number: int) -> Run:
    return run_operation(libvirt.network, {STATE: lines}, lab=LAB, network=NETWORK, guests=guests(number))


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        (libvirt.services, {}),
        (libvirt.sockets, {}),
        (libvirt.pool, {}),
        (libvirt.network, {"network": NETWORK, "guests": guests(30)}),
    ],
)
def test_a_no_op_is_one_command_whatever_the_number_of_students(
    operation: Any, arguments: dict[str, Any]
) -> None:
    run = run_operation(operation, {STATE: answer(30)}, lab=LAB, **arguments)
    assert (len(run.commands), run.idle) == (1, True)


def test_pool_and_network_are_made_up_now_and_at_boot() -> None:
    pool = run_operation(libvirt.pool, {STATE: EMPTY}, lab=LAB).commands
    assert [command.split()[4] for command in pool[-2:]] == ["pool-start", "pool-autostart"]
    assert "pool-define" in pool[-3]
    made = network(EMPTY, 2).commands
    assert "net-define" in made[1]
    assert [command.split()[4] for command in made[2:]] == ["net-start", "net-autostart"]


def without(lines: list[str], section: str) -> list[str]:
    """The same answer, in which a section is empty."""
    start = lines.index(section) + 1
    ends = (number for number in range(start, len(lines)) if lines[number].startswith("@"))
    end = next(ends, len(lines))
    return [*lines[:start], *lines[end:]]


@pytest.mark.parametrize(
    ("section", "verb"), [("@pools-active", "pool-start"), ("@pools-autostart", "pool-autostart")]
)
def test_a_pool_that_is_there_is_only_started_or_set_to_start(section: str, verb: str) -> None:
    (command,) = run_operation(libvirt.pool, {STATE: without(answer(1), section)}, lab=LAB).commands[1:]
    assert command.split()[4:] == [verb, LAB]


@pytest.mark.parametrize("owner", ["another", "zoo"])
def test_folders_are_made_where_their_label_is_not_the_labs(owner: str) -> None:
    lines = answer(1)
    lines[lines.index("@owner") + 1] = owner
    (command,) = run_operation(libvirt.pool, {STATE: lines}, lab=LAB).commands[1:]
    folder = f"/var/lib/libvirt/images/minet-lab/{LAB}"
    assert f"{folder} {folder}/disks {folder}/consoles" in command
    assert command.index("--mode=0700") < command.index(f"printf %s '{LAB}\n'")


def test_a_network_that_would_not_come_up_at_boot_will() -> None:
    (command,) = network(without(answer(2), "@networks-autostart"), 2).commands[1:]
    assert command.split()[4:] == ["net-autostart", LAB]


def test_only_services_that_do_not_run_are_enabled() -> None:
    lines = [line.replace("=enabled", "=disabled") for line in without(answer(0), "@services")]
    services = lines.index("@services") + 1
    lines[services:services] = ["Id=libvirtd.socket", "ActiveState=active", "UnitFileState=enabled"]
    run = run_operation(libvirt.services, {STATE: lines}, lab=LAB)
    assert (run.commands[1:], run.noops) == (["systemctl enable --now libvirtd.service"], ())


def test_sockets_are_closed_to_others_at_every_boot() -> None:
    (command,) = run_operation(
        libvirt.sockets, {STATE: without(answer(0), "@socket-units")}, lab=LAB
    ).commands[1:]
    for unit in ("libvirtd.socket", "libvirtd-ro.socket"):
        assert f"/etc/systemd/system/{unit}.d/minet-lab.conf" in command
    assert command.endswith("systemctl daemon-reload")


def test_a_socket_that_is_open_is_closed_and_libvirtd_runs_on() -> None:
    lines = answer(0)
    place = lines.index("@open-sockets") + 1
    lines[place:place] = ["/run/libvirt/libvirt-sock-ro"]
    (command,) = run_operation(libvirt.sockets, {STATE: lines}, lab=LAB).commands[1:]
    paths = "/run/libvirt/libvirt-sock-ro"
    assert command == f"chgrp libvirt {paths} && chmod 0660 {paths}"


@pytest.mark.parametrize(("active", "said"), [(True, True), (False, False)])
def test_a_network_that_goes_down_under_running_guests_is_announced(
    active: bool, said: bool, caplog: pytest.LogCaptureFixture
) -> None:
    other = NatNetwork(subnet=IPv4Network("10.88.0.0/24"))
    lines = answer(1, active=active)
    arguments: dict[str, Any] = {"lab": LAB, "network": other, "guests": guests(1)}
    assert run_operation(libvirt.network, {STATE: lines}, **arguments).changed
    assert ("the network goes down for a moment" in caplog.text) == said
    caplog.clear()
    network(answer(3), 2)
    assert "the network goes down" not in caplog.text


def test_a_diff_shows_what_is_new_and_what_of_the_rest_is_another(caplog: pytest.LogCaptureFixture) -> None:
    specs = f"/var/lib/libvirt/images/minet-lab/{LAB}/specs"
    settings = SETTINGS.model_copy(update={"guest": GuestSize(memory=1024, disk=4)})
    kept = {"for f in": [f"@{specs}/domain-minet-s1.xml", '   <memory unit="MiB">512</memory>']}
    arguments: dict[str, Any] = {"settings": settings, "guests": guests(2), "require_kvm": False}
    responses = {**kept, STATE: answer(2), KVM: WORKING, IDLE: times(64)}
    caplog.set_level("INFO", logger="pyinfra")
    run_operation(operations.run, responses, lab=LAB, diff=True, **arguments)
    assert "domain-minet-s0.xml is new" in caplog.text
    assert "domain-minet-s1.xml changes:" in caplog.text
    assert '-   <memory unit="MiB">512</memory>' in caplog.text
    assert '+   <memory unit="MiB">1024</memory>' in caplog.text
    caplog.clear()
    run = run_operation(operations.run, responses, lab=LAB, **arguments)
    assert not [command for command in run.commands if "for f in" in command]
    assert "changes:" not in caplog.text


@pytest.mark.parametrize("operation", [libvirt.network, libvirt.pool])
def test_where_nothing_changes_a_diff_asks_for_nothing(operation: Any) -> None:
    arguments: dict[str, Any] = {}
    if operation is libvirt.network:
        arguments = {"network": NETWORK, "guests": guests(1)}
    run = run_operation(operation, {STATE: answer(1)}, diff=True, lab=LAB, **arguments)
    assert (len(run.commands), run.idle) == (1, True)


def test_a_diff_shows_a_network_that_changes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="pyinfra")
    arguments: dict[str, Any] = {"network": NETWORK, "guests": guests(1)}
    run_operation(libvirt.network, {STATE: EMPTY}, diff=True, lab=LAB, **arguments)
    assert f"network-{LAB}.xml is new" in caplog.text
    caplog.clear()
    run_operation(libvirt.network, {STATE: answer(2)}, diff=True, lab=LAB, **arguments)
    assert f"network-{LAB}.xml" not in caplog.text, "only a reservation goes"


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
    for theirs in ("/theirs", "/zoo"):
        run = run_operation(libvirt.pool, {STATE: with_pool_at(theirs)}, lab=LAB)
        assert (run.failed, len(run.commands)) == (True, 1)


def with_pool_at(path: str) -> list[str]:
    return [re.sub("<path>/var/lib/[^<]*</path>", f"<path>{path}</path>", line) for line in answer(3)]


@pytest.mark.parametrize("path", ["/theirs", "/zoo"])
def test_a_pool_of_somebody_else_is_not_removed(path: str) -> None:
    text = "\n".join(run_operation(libvirt.teardown, {STATE: with_pool_at(path)}, lab=LAB).commands[1:])
    assert "pool-" not in text.replace("--pool", "")
    assert f"net-undefine {LAB}" in text


@pytest.mark.parametrize("label", ["", '<label xmlns="urn:minet-lab:1" lab="another" spec="1"/>'])
def test_a_network_without_the_labs_label_is_not_removed(label: str) -> None:
    lines = without(answer(0), "@xml")
    uuid = lines[lines.index("@networks-active") + 1]
    metadata = f"<metadata>{label}</metadata>"
    lines.append(f"<network><name>{LAB}</name><uuid>{uuid}</uuid>{metadata}</network>")
    commands = run_operation(libvirt.teardown, {STATE: lines}, lab=LAB).commands[1:]
    assert not [command for command in commands if " net-" in command]


def test_what_is_down_is_not_taken_down_before_it_is_removed() -> None:
    lines = without(without(answer(1, active=False), "@networks-active"), "@pools-active")
    text = "\n".join(run_operation(libvirt.teardown, {STATE: lines}, lab=LAB).commands[1:])
    assert "destroy" not in text
    for verb in ("undefine ", "net-undefine ", "pool-undefine "):
        assert verb in text
    up = "\n".join(run_operation(libvirt.teardown, {STATE: answer(1)}, lab=LAB).commands[1:])
    for verb in ("net-destroy ", "pool-destroy "):
        assert up.index(verb) < up.index(verb.replace("destroy", "undefine"))


def test_a_lab_that_has_only_files_is_removed() -> None:
    lines = ["@files", "/etc/modprobe.d/minet-lab-minet.conf", *EMPTY]
    (command,) = run_operation(libvirt.teardown, {STATE: lines}, lab=LAB).commands[1:]
    assert command.startswith("rm -rf /etc/modprobe.d/minet-lab-minet.conf && if [ -d ")


@pytest.mark.parametrize("operation", [libvirt.pool, libvirt.teardown, libvirt.network])
def test_a_silent_libvirtd_fails_the_host(operation: Any, caplog: pytest.LogCaptureFixture) -> None:
    arguments: dict[str, Any] = {}
    if operation is libvirt.network:
        arguments = {"network": NETWORK, "guests": guests(1)}
    run = run_operation(operation, {STATE: ["@installed", "@xml"]}, lab=LAB, **arguments)
    assert (run.failed, len(run.commands)) == (True, 1)
    assert "libvirtd does not answer" in caplog.text


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
    assert (len(run.commands), run.idle) == (1, True)


def test_absent_is_a_no_op_on_a_host_without_libvirt() -> None:
    run = run_operation(libvirt.teardown, {STATE: ["@memory", "900"]}, lab=LAB)
    assert (len(run.commands), run.idle) == (1, True)
