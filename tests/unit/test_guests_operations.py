"""Guests and their image, on a host that answers from a script."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from minetlab.facts.libvirt import SshAnswers
from minetlab.model import DebianImage, GuestImage, GuestSize, KvmHostSettings, UrlImage
from minetlab.operations import guest_images, guest_waits
from minetlab.operations import guests as operations
from tests.unit.fake_host import Run, run_operation
from tests.unit.guests import IMAGE, LAB, NETWORK, SETTINGS, answer, guests

STATE, KVM, SSH, RUNNING = "@installed", "/proc/cpuinfo", "/dev/tcp", "list --name"
WORKING = ["vendor AuthenticAMD", "feature svm", "loaded kvm_amd", "nested 1", "users 0", "device yes"]
EMPTY = ["@memory", "64000", "@disk", "64000", "@installed", "@domains", "@xml"]


def running(
    lines: list[str],
    number: int,
    *,
    kvm: list[str] = WORKING,
    settings: KvmHostSettings = SETTINGS,
    require_kvm: bool = False,
    run: bool = True,
    diff: bool = False,
) -> Run:
    arguments: dict[str, Any] = {
        "settings": settings,
        "guests": guests(number, run=run),
        "require_kvm": require_kvm,
    }
    return run_operation(operations.running, {STATE: lines, KVM: kvm}, lab=LAB, diff=diff, **arguments)


def test_a_no_op_is_two_commands_whatever_the_number_of_students() -> None:
    run = running(answer(30), 30)
    assert (len(run.commands), run.changed, run.failed) == (2, False, False)


def test_guests_are_made_in_the_order_they_need() -> None:
    commands = running(EMPTY, 2).commands[2:]
    text = "\n".join(commands)
    steps = ("pool-refresh", "vol-create-as", "define --validate", "autostart minet-s0", "start minet-s0")
    assert [text.index(step) for step in steps] == sorted(text.index(step) for step in steps)
    assert "base-0123456789ab.qcow2" in text


def test_guests_that_are_not_to_run_are_made_and_not_started() -> None:
    commands = running(EMPTY, 2, run=False).commands[2:]
    assert sum("define --validate" in command for command in commands) == 2
    assert sum("vol-create-as" in command for command in commands) == 2
    assert not [each for each in commands for word in ("start", "autostart") if word in each.split()]
    again = running(answer(30, active=False, autostart=False), 30, run=False)
    assert (len(again.commands), again.changed, again.failed) == (2, False, False)
    assert not running(answer(3, active=False, autostart=False, memory=10), 3, run=False).failed


def test_guests_that_run_and_are_not_to_stay_and_do_not_come_up_with_the_host(
    caplog: pytest.LogCaptureFixture,
) -> None:
    run = running(answer(2), 2, run=False)
    assert [command.partition("///system ")[2] or command for command in run.commands[2:]] == [
        "autostart --disable minet-s0",
        "autostart --disable minet-s1",
    ]
    assert (
        "left running, as they may hold work, though guests_run is False: minet-s0, minet-s1" in caplog.text
    )
    assert "virsh shutdown minet-s0" in caplog.text
    again = running(answer(2, autostart=False), 2, run=False)
    assert (again.changed, again.failed) == (False, False)


def test_guests_that_are_to_run_again_are_started() -> None:
    commands = running(answer(1, active=False, autostart=False), 1).commands[2:]
    assert [command.split()[4:] for command in commands] == [["autostart", "minet-s0"], ["start", "minet-s0"]]


def test_a_changed_size_restarts_guests_and_says_so_first(caplog: pytest.LogCaptureFixture) -> None:
    settings = SETTINGS.model_copy(update={"guest": GuestSize(memory=1024, disk=4)})
    commands = running(answer(1), 1, settings=settings).commands[2:]
    assert [command.split()[4] for command in commands if command.startswith("virsh")] == [
        "shutdown",
        "list",
        "autostart",
        "start",
    ]
    assert any("shut off" in command and "destroy" in command for command in commands)
    assert not any("vol-" in command for command in commands)
    assert "shut down and started anew, as their spec changed: minet-s0" in caplog.text


def test_diff_shows_what_changes_in_the_xml(caplog: pytest.LogCaptureFixture) -> None:
    settings = SETTINGS.model_copy(update={"guest": GuestSize(memory=1024, disk=4)})
    path = "/var/lib/libvirt/images/minet-lab/minet/specs/domain-minet-s0.xml"
    kept = {"for f in": [f"@{path}", '  <memory unit="MiB">512</memory>']}
    arguments: dict[str, Any] = {"settings": settings, "guests": guests(1), "require_kvm": False}
    responses = {**kept, STATE: answer(1), KVM: WORKING}
    with caplog.at_level("INFO"):
        run_operation(operations.running, responses, lab=LAB, diff=True, **arguments)
    assert '-   <memory unit="MiB">512</memory>' in caplog.text
    assert '+   <memory unit="MiB">1024</memory>' in caplog.text


def test_guests_without_hardware_virtualization_are_emulated_unless_it_is_required() -> None:
    assert 'type="qemu"' in "\n".join(running(EMPTY, 1, kvm=["vendor X"]).commands)
    refused = running(EMPTY, 1, kvm=["vendor X"], require_kvm=True)
    assert (refused.failed, len(refused.commands)) == (True, 2)


def test_too_little_memory_fails_the_host_before_anything_is_made(caplog: pytest.LogCaptureFixture) -> None:
    lines = ["1000" if line == "64000" else line for line in EMPTY]
    run = running(lines, 3)
    assert (run.failed, len(run.commands)) == (True, 2)
    assert "need 1920 MiB of memory, 1000 MiB are available" in caplog.text
    assert "lower guest.memory in inventories/group_data/kvm_hosts.py" in caplog.text


def test_guests_that_run_already_need_no_more_memory() -> None:
    assert not running(answer(3, memory=10), 3).failed


def test_a_domain_of_somebody_else_fails_the_host_and_is_left_alone() -> None:
    run = running(answer(2, lab="other"), 2)
    assert (run.failed, len(run.commands)) == (True, 2)


def ready(responses: dict[str, list[str]]) -> Run:
    return run_operation(operations.ready, {**responses, KVM: WORKING}, lab=LAB, guests=guests(2))


def test_nobody_waits_for_guests_that_are_not_to_run() -> None:
    run = run_operation(operations.ready, {}, lab=LAB, guests=guests(2, run=False))
    assert (run.commands, run.changed, run.failed) == ([], False, False)
    mixed = (*guests(1, run=False), *guests(2)[1:])
    (command,) = run_operation(operations.ready, {SSH: ADDRESSES}, lab=LAB, guests=mixed).commands
    assert f"for address in {ADDRESSES[1]}; do" in command


ADDRESSES = [str(guest.address.ip) for guest in guests(2)]


def test_guests_that_answer_cost_one_command() -> None:
    run = ready({SSH: ADDRESSES})
    assert (len(run.commands), run.changed, run.failed) == (1, False, False)


def test_waiting_for_a_guest_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guest_waits, "POLL_INTERVAL", 0)
    answers = iter([ADDRESSES[:1], ADDRESSES])
    monkeypatch.setattr(SshAnswers, "process", lambda self, output: frozenset(next(answers)))
    run = ready({SSH: ADDRESSES, RUNNING: ["minet-s0", "minet-s1"]})
    assert (next(answers, None), run.changed, run.failed) == (None, False, False)


def test_a_guest_that_is_off_fails_the_host_and_shows_its_console(
    caplog: pytest.LogCaptureFixture,
) -> None:
    console = f"/var/lib/libvirt/images/minet-lab/{LAB}/consoles/minet-s1.log"
    run = ready({SSH: ADDRESSES[:1], RUNNING: ["minet-s0"], "tail -n": [f"@{console}", "Kernel panic"]})
    assert run.failed
    assert "guests are not running: minet-s1" in caplog.text
    assert "Kernel panic" in caplog.text


def test_a_guest_that_never_answers_fails_the_host_in_time(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(guest_waits, "READY_LIMIT", 0)
    assert ready({SSH: [], RUNNING: ["minet-s0", "minet-s1"]}).failed
    assert "do not answer SSH after 0 s: minet-s0, minet-s1" in caplog.text
    assert "virsh console minet-s0" in caplog.text


def test_a_host_that_dies_while_guests_boot_is_named_and_not_its_guests(
    caplog: pytest.LogCaptureFixture,
) -> None:
    dead = {SSH: {"success": False}, RUNNING: {"success": False}, KVM: WORKING}
    assert run_operation(operations.ready, dead, lab=LAB, guests=guests(2), hosts=2).failed
    assert "the host itself does not answer any more" in caplog.text
    assert "are not running" not in caplog.text


def image_at(folder: Path, content: bytes) -> UrlImage:
    path = folder / "debian.qcow2"
    path.write_bytes(content)
    return UrlImage(url=path.as_uri(), sha256=hashlib.sha256(content).hexdigest())


def present(lines: list[str], image: GuestImage, *tps: str) -> Run:
    return run_operation(guest_images.present, {STATE: lines}, lab=LAB, image=image, tps=tps)


def test_guests_of_an_emulated_host_are_started_in_turn() -> None:
    arguments: dict[str, Any] = {"settings": SETTINGS, "guests": guests(2), "require_kvm": False}
    responses = {STATE: EMPTY, SSH: ADDRESSES, KVM: [*WORKING, "emulated yes"]}
    commands = run_operation(operations.running, responses, lab=LAB, **arguments).commands
    steps = [
        "start" if command.endswith(("start minet-s0", "start minet-s1")) else "wait"
        for command in commands
        if SSH in command or (command.startswith("virsh") and " start " in command)
    ]
    assert steps == ["start", "wait", "start", "wait"]
    commands = run_operation(operations.running, {**responses, KVM: WORKING}, lab=LAB, **arguments).commands
    assert not any(SSH in command for command in commands)


def test_an_image_that_is_there_is_not_even_fetched() -> None:
    run = present(answer(1), IMAGE)
    assert (len(run.commands), run.changed, run.failed) == (1, False, False)


def test_an_image_is_verified_on_the_host_before_it_is_put_in_place(tmp_path: Path) -> None:
    image = image_at(tmp_path, b"QFI\xfb and the rest")
    command = present(EMPTY, image).commands[-1]
    assert command.index(f"{image.sha256} ") < command.index("sha256sum --check") < command.index("mv -f")


def test_a_tp_that_there_is_not_fails_the_host_and_names_those_there_are(
    caplog: pytest.LogCaptureFixture,
) -> None:
    run = present(EMPTY, DebianImage(), "unix")
    assert (run.failed, run.changed) == (True, False)
    settings = KvmHostSettings(guest_network=NETWORK, guest_tps=("unix",))
    arguments: dict[str, Any] = {"settings": settings, "guests": guests(1), "require_kvm": False}
    assert run_operation(operations.running, {STATE: EMPTY, KVM: WORKING}, lab=LAB, **arguments).failed
    assert caplog.text.count("guest_tps: there is no TP for guests 'unix'") == 2
    assert "use one of these in group_data/kvm_hosts.py: conteneur, vm" in caplog.text


def test_no_room_for_the_image_fails_the_host(tmp_path: Path) -> None:
    image = image_at(tmp_path, b"QFI\xfb" + bytes(2**20))
    run = present(["0" if line == "64000" else line for line in EMPTY], image)
    assert (run.failed, len(run.commands)) == (True, 2)


def test_a_wrong_checksum_and_another_format_fail_the_host(tmp_path: Path) -> None:
    image = image_at(tmp_path, b"raw bytes")
    assert present(EMPTY, image).failed
    assert present(EMPTY, image.model_copy(update={"sha256": 64 * "0"})).failed
