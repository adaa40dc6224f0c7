"""Guests and their image, on a host that answers from a script."""

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from minetlab.facts.libvirt import DOMAIN_PIDS, VIRSH, FailedBoots, SshAnswers
from minetlab.lab import GuestSize, KvmHostSettings
from minetlab.operations import guest_waits, guests as operations
from minetlab.resources.layout import Layout
from tests.support.fake_host import Run, run_operation
from tests.support.guests import LAB, NETWORK, SETTINGS, answer, guests
from tests.support.kvm_host import EMPTY, FAILED, IDLE, KVM, SSH, STATE, WORKING, steps_of, times


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
    responses = {STATE: lines, KVM: kvm, IDLE: times(64)}
    return run_operation(operations.run, responses, lab=LAB, diff=diff, **arguments)


def test_a_no_op_is_two_commands_whatever_the_number_of_students() -> None:
    run = running(answer(30), 30)
    assert (len(run.commands), run.idle) == (2, True)


def test_a_host_without_guests_keeps_the_image_that_its_first_one_will_need() -> None:
    run = running(answer(0), 0)
    assert (run.changed, run.failed) == (False, False)


def steps(run: Run) -> list[list[str]]:
    things = [each for each in run.sent("virsh ") if not each.startswith(VIRSH)]
    return [step for thing in things for step in steps_of(thing)]


def test_guests_are_made_in_the_order_they_need() -> None:
    run = running(EMPTY, 2)
    assert (run.changed, run.failed) == (True, False)
    asked, received, refreshed = run.commands[2:5]
    assert asked.startswith(IDLE)
    assert "tar --extract" in received
    assert refreshed.endswith(f"pool-refresh {LAB}")
    made = ["vol-create-as", "define", "autostart"]
    assert [step[0] for step in steps(run)] == [*made, *made, "start", "start"]
    assert [step[1] for step in steps(run) if step[0] == "start"] == ["minet-s0", "minet-s1"]
    assert "base-0123456789ab.qcow2" in str(steps(run))


def test_whatever_their_number_guests_are_made_by_as_many_round_trips() -> None:
    two, thirty = running(EMPTY, 2), running(EMPTY, 30)
    assert two.round_trips == thirty.round_trips
    assert [len([step for step in steps(run) if step[0] == "start"]) for run in (two, thirty)] == [2, 30]
    assert sum(name.startswith("disks/minet-s") for name in thirty.files) == 30
    assert thirty.files["specs/domain-minet-s7.xml"].startswith(b"<domain ")


def test_guests_that_are_not_to_run_are_made_and_not_started() -> None:
    made = [step[0] for step in steps(running(EMPTY, 2, run=False))]
    assert made == 2 * ["vol-create-as", "define"]
    again = running(answer(30, active=False, autostart=False), 30, run=False)
    assert (len(again.commands), again.idle) == (2, True)
    assert not running(answer(3, active=False, autostart=False, memory=10), 3, run=False).failed


def test_what_fails_of_one_guest_is_shown_and_keeps_no_other_from_starting(
    caplog: pytest.LogCaptureFixture,
) -> None:
    arguments: dict[str, Any] = {"settings": SETTINGS, "guests": guests(2), "require_kvm": False}
    said = {"success": False, "stderr": ["error: Failed to define domain from minet-s0.xml"]}
    responses = {STATE: EMPTY, KVM: WORKING, "xargs": said, FAILED: ["off minet-s0"]}
    run = run_operation(operations.run, responses, lab=LAB, **arguments)
    assert run.failed
    assert [step[1] for step in steps(run) if step[0] == "start"] == ["minet-s0", "minet-s1"]
    assert "error: Failed to define domain from minet-s0.xml" in caplog.text


@pytest.mark.parametrize("success", [True, False])
def test_old_seeds_go_once_no_guest_is_defined_with_them_any_more(success: bool) -> None:
    old = [re.sub("seed-[0-9a-f]{12}", f"seed-{12 * '0'}", line) for line in answer(2, active=False)]
    arguments: dict[str, Any] = {"settings": SETTINGS, "guests": guests(2), "require_kvm": False}
    said = {"success": success, "stderr": [] if success else ["error: Failed to define domain"]}
    answering = [str(guest.address.ip) for guest in guests(2)]
    responses = {STATE: old, KVM: WORKING, "xargs": said, SSH: answering, FAILED: []}
    run = run_operation(operations.run, responses, lab=LAB, **arguments)
    assert run.failed != success
    gone = [command.split()[5] for command in run.commands if "vol-delete" in command]
    assert gone == [f"minet-s{number}-seed-{12 * '0'}.iso" for number in range(2) if success]


def test_guests_that_run_and_are_not_to_stay_and_do_not_come_up_with_the_host(
    caplog: pytest.LogCaptureFixture,
) -> None:
    run = running(answer(2), 2, run=False)
    assert steps(run) == [["autostart", "--disable", "minet-s0"], ["autostart", "--disable", "minet-s1"]]
    assert (
        "left running, as they may hold work, though guests_run is False: minet-s0, minet-s1" in caplog.text
    )
    assert "virsh shutdown minet-s0" in caplog.text
    again = running(answer(2, autostart=False), 2, run=False)
    assert (again.changed, again.failed) == (False, False)


def test_guests_that_are_to_run_again_are_started() -> None:
    run = running(answer(1, active=False, autostart=False), 1)
    assert steps(run) == [["autostart", "minet-s0"], ["start", "minet-s0"]]


def test_a_changed_size_restarts_guests_and_says_so_first(caplog: pytest.LogCaptureFixture) -> None:
    settings = SETTINGS.model_copy(update={"guest": GuestSize(memory=1024, disk=4)})
    run = running(answer(1), 1, settings=settings)
    assert [command.split()[4] for command in run.sent(VIRSH)] == ["list"]
    assert [step[0] for step in steps(run)] == ["shutdown", "define", "autostart", "start"]
    assert "shut down and started anew, as their spec changed: minet-s0" in caplog.text


def test_diff_shows_what_changes_in_the_xml(caplog: pytest.LogCaptureFixture) -> None:
    settings = SETTINGS.model_copy(update={"guest": GuestSize(memory=1024, disk=4)})
    path = "/var/lib/libvirt/images/minet-lab/minet/specs/domain-minet-s0.xml"
    kept = {"for f in": [f"@{path}", '   <memory unit="MiB">512</memory>']}
    arguments: dict[str, Any] = {"settings": settings, "guests": guests(1), "require_kvm": False}
    responses = {**kept, STATE: answer(1), KVM: WORKING}
    with caplog.at_level("INFO"):
        run_operation(operations.run, responses, lab=LAB, diff=True, **arguments)
    assert '-   <memory unit="MiB">512</memory>' in caplog.text
    assert '+   <memory unit="MiB">1024</memory>' in caplog.text


def test_guests_without_hardware_virtualization_are_emulated_unless_it_is_required(
    caplog: pytest.LogCaptureFixture,
) -> None:
    running(EMPTY, 1)
    assert "no hardware virtualization here" not in caplog.text
    assert b'type="qemu"' in running(EMPTY, 1, kvm=["vendor X"]).files["specs/domain-minet-s0.xml"]
    assert "no hardware virtualization here: guests are emulated" in caplog.text
    refused = running(EMPTY, 1, kvm=["vendor X"], require_kvm=True)
    assert (refused.failed, len(refused.commands)) == (True, 2)


def test_too_little_memory_fails_the_host_before_anything_is_made(caplog: pytest.LogCaptureFixture) -> None:
    lines = ["1000" if line == "64000" else line for line in EMPTY]
    run = running(lines, 3)
    assert (run.failed, len(run.commands)) == (True, 2)
    assert "need 1920 MiB of memory, 1000 MiB are available" in caplog.text
    assert "lower guest.memory in inventories/group_data/kvm_hosts.py" in caplog.text


@pytest.mark.parametrize(("memory", "disk"), [(1920, 1536), (1921, 1537)])
def test_just_enough_memory_and_disk_will_do(memory: int, disk: int) -> None:
    assert not running(["@memory", str(memory), "@disk", str(disk), *EMPTY[4:]], 3).failed


def test_too_small_a_disk_fails_the_host_before_anything_is_made(caplog: pytest.LogCaptureFixture) -> None:
    run = running(["@memory", "64000", "@disk", "1535", *EMPTY[4:]], 3)
    assert (run.failed, len(run.commands)) == (True, 2)
    assert "the disks of 3 guests need 1536 MiB at first, 1535 MiB are free" in caplog.text


def test_guests_that_run_already_need_no_more_memory(caplog: pytest.LogCaptureFixture) -> None:
    assert not running(answer(3, memory=10), 3).failed
    assert not [each for each in caplog.records if each.levelname == "WARNING"], "there is nothing to say"


def test_a_domain_of_somebody_else_fails_the_host_and_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    run = running(answer(2, lab="other"), 2)
    assert (run.failed, len(run.commands)) == (True, 2)
    assert "domains of somebody else have these names: minet-s0, minet-s1" in caplog.text


def test_a_guest_whose_address_another_still_has_fails_the_host(caplog: pytest.LogCaptureFixture) -> None:
    lines = [line.replace("<name>minet-s0</name>", "<name>minet-gone</name>") for line in answer(1)]
    run = running(lines, 1)
    assert (run.failed, len(run.commands)) == (True, 2)
    assert "guests no longer planned still have: minet-s0 (of minet-gone)" in caplog.text


def test_a_guest_that_is_no_longer_planned_is_named_and_stays(caplog: pytest.LogCaptureFixture) -> None:
    assert running(answer(3), 2).idle
    assert "not in the roster, so not touched\n  → on @fake/ct1, to remove one" in caplog.text
    assert "(NAME: minet-s2)" in caplog.text


def test_a_disk_of_another_image_or_a_larger_one_is_named_and_stays(caplog: pytest.LogCaptureFixture) -> None:
    lines = [line.replace("base-0123456789ab", "base-fedcba987654") for line in answer(1)]
    assert not running(lines, 1).failed
    assert "guests stay on an older guest image" in caplog.text
    assert "(NAME: minet-s0); then deploy again" in caplog.text
    assert "larger" not in caplog.text
    running(answer(1), 1, settings=SETTINGS.model_copy(update={"guest": GuestSize(memory=512, disk=3)}))
    assert "their disks stay larger than guest.disk: minet-s0" in caplog.text


def test_a_disk_that_is_too_small_grows_while_its_guest_is_off() -> None:
    settings = SETTINGS.model_copy(update={"guest": GuestSize(memory=512, disk=8)})
    grown = steps(running(answer(1, active=False), 1, settings=settings))[0]
    assert grown == ["vol-resize", "minet-s0.qcow2", str(8 * 2**30), "--pool", LAB]


def test_a_guest_that_cannot_be_defined_fails_the_host_also_where_none_is_to_run() -> None:
    said = {"success": False, "stderr": ["error: Failed to define domain"]}
    arguments: dict[str, Any] = {
        "settings": SETTINGS,
        "guests": guests(2, run=False),
        "require_kvm": False,
    }
    responses = {STATE: EMPTY, KVM: WORKING, "xargs": said}
    assert run_operation(operations.run, responses, lab=LAB, **arguments).failed


def seeds(lines: list[str], number: int) -> Run:
    return run_operation(operations.seeds, {STATE: lines}, lab=LAB, network=NETWORK, guests=guests(number))


def test_new_keys_reach_the_seeds_that_are_there_and_no_others() -> None:
    run = seeds(answer(2), 3)
    assert (run.changed, run.failed, run.noops) == (True, False, ())
    assert sorted(name.partition("-seed-")[0] for name in run.files) == ["disks/minet-s0", "disks/minet-s1"]
    for nothing in (EMPTY, ["@memory", "900"]):
        assert seeds(nothing, 2).idle
    silent = seeds(["@installed"], 2)
    assert (silent.failed, len(silent.commands)) == (True, 1)


def ready(responses: dict[str, list[str]]) -> Run:
    return run_operation(operations.wait, {**responses, KVM: WORKING}, lab=LAB, guests=guests(2))


def test_nobody_waits_for_guests_that_are_not_to_run() -> None:
    run = run_operation(operations.wait, {}, lab=LAB, guests=guests(2, run=False))
    assert (run.commands, run.changed, run.failed) == ([], False, False)
    mixed = (*guests(1, run=False), *guests(2)[1:])
    (command,) = run_operation(operations.wait, {SSH: ADDRESSES}, lab=LAB, guests=mixed).commands
    assert f"for address in {ADDRESSES[1]}; do" in command


ADDRESSES = [str(guest.address.ip) for guest in guests(2)]


def test_guests_that_answer_cost_one_command() -> None:
    run = ready({SSH: ADDRESSES})
    assert (len(run.commands), run.idle) == (1, True)


def test_waiting_for_a_guest_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([ADDRESSES[:1], ADDRESSES])
    monkeypatch.setattr(SshAnswers, "process", lambda self, output: frozenset(next(answers)))
    run = ready({SSH: ADDRESSES, FAILED: []})
    assert (next(answers, None), run.changed, run.failed) == (None, False, False)


def test_a_guest_that_is_off_is_named_with_its_console_and_is_not_worth_its_host(
    caplog: pytest.LogCaptureFixture,
) -> None:
    console = f"/var/lib/libvirt/images/minet-lab/{LAB}/consoles/minet-s1.log"
    run = ready(
        {SSH: ADDRESSES[:1], FAILED: ["off minet-s1"], "tail -n": [f"@{console}", " No bootable device"]}
    )
    assert (run.failed, run.changed) == (False, False)
    assert "guests are not running: minet-s1" in caplog.text
    assert "No bootable device" in caplog.text


def test_nobody_waits_for_a_guest_that_cannot_boot(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert not ready({SSH: [], FAILED: ["broken minet-s1", "off minet-s0"]}).failed
    said = "guests are not running: minet-s0; guests cannot boot, as their consoles say: minet-s1"
    assert said in caplog.text


CONSOLES = {
    "minet-off": "",
    "minet-none": None,
    "minet-boots": "Booting from Hard Disk...",
    "minet-panic": "x" * 5000
    + "\n[    1.2] ---[ end Kernel panic - not syncing: No working init found. ]---\n",
    "minet-shell": "ALERT!  /dev/vda1 does not exist.  Dropping to a shell!\n(initramfs) ",
    "minet-emergency": 'You are in emergency mode. After logging in, type "journalctl -xb"',
    "minet-cut": "[   12.6] EXT4-fs error (device vda1): __ext4_find_entry:1647: inode #783",
    "minet-again": (
        panicked := "Kernel panic - not syncing: Fatal exception\n[ 318.2] Rebooting in 10 seconds..\n"
    ),
    "minet-twice": f"{panicked}Booting from Hard Disk...\n{panicked}" + "x" * 5000,
    "minet-recovered": "---[ end Kernel panic - not syncing ]---\n" + "of another boot, long ago\n" * 200,
}


def test_a_guest_that_cannot_boot_is_known_by_its_console(tmp_path: Path) -> None:
    for guest, said in CONSOLES.items():
        if said is not None:
            (tmp_path / f"{guest}.log").write_text(said)
    virsh = tmp_path / "virsh"
    virsh.write_text(f"#!/bin/sh\nprintf '%s\\n' {shlex.join(list(CONSOLES)[1:])} ''")
    virsh.chmod(0o755)
    command = FailedBoots().command(LAB, tuple(CONSOLES), limit=300)
    command = command.replace(Layout(LAB).consoles, str(tmp_path)).replace(DOMAIN_PIDS, str(tmp_path))
    for guest in CONSOLES:
        (tmp_path / f"{guest}.pid").write_text(str(os.getpid()))
    path = f"{tmp_path}:{os.environ['PATH']}"
    asked = ["sh", "-c", command]
    answer = subprocess.run(asked, env={"PATH": path}, capture_output=True, text=True, check=True)
    assert answer.stderr == ""
    assert FailedBoots().process(answer.stdout.splitlines()) == {
        "minet-off": "off",
        "minet-panic": "broken",
        "minet-shell": "broken",
        "minet-emergency": "broken",
        "minet-cut": "broken",
        "minet-twice": "broken",
    }
    virsh.write_text("#!/bin/sh\nexit 1")
    assert subprocess.run(asked, env={"PATH": path}, capture_output=True, check=False).returncode


def test_only_guests_that_were_started_in_this_run_are_waited_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One without sshd runs for long, while that of a student who came late boots."""
    monkeypatch.setattr(guest_waits, "own_age", lambda: 41.2)
    looks = iter([[], ADDRESSES[1:]])
    monkeypatch.setattr(SshAnswers, "process", lambda self, output: frozenset(next(looks)))
    run = ready({SSH: ["-"], FAILED: ["late minet-s0"]})
    assert (next(looks, None), run.failed) == (None, False)
    assert [command for command in run.commands if '"${age:-42}" -lt 42' in command]
    assert "guests do not answer SSH: minet-s0\n" in caplog.text


@pytest.mark.parametrize(("kvm", "limit"), [(WORKING, 300), (WORKING[:2], 900)])
def test_no_guest_is_waited_for_longer_than_a_boot_may_take(
    kvm: list[str], limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guest_waits, "own_age", lambda: 5000.0)
    responses = {SSH: ["-"], FAILED: ["late minet-s0", "late minet-s1"], KVM: kvm}
    run = run_operation(operations.wait, responses, lab=LAB, guests=guests(2))
    assert [command for command in run.commands if f"-lt {limit}" in command]


def test_a_guest_is_late_once_it_has_run_for_so_long(tmp_path: Path) -> None:
    (tmp_path / "minet-old.pid").write_text("1")
    (tmp_path / "minet-new.pid").write_text(str(os.getpid()))
    names = ("minet-old", "minet-new", "minet-unknown")
    (tmp_path / "virsh").write_text(f"#!/bin/sh\nprintf '%s\\n' {shlex.join(names)}")
    (tmp_path / "virsh").chmod(0o755)
    age_of_1 = subprocess.check_output(["ps", "-o", "etimes=", "-p", "1"], text=True)
    command = FailedBoots().command(LAB, names, limit=int(age_of_1)).replace(DOMAIN_PIDS, str(tmp_path))
    path = f"{tmp_path}:{os.environ['PATH']}"
    answer = subprocess.run(
        ["sh", "-c", command], env={"PATH": path}, capture_output=True, text=True, check=True
    )
    assert answer.stderr == ""
    assert FailedBoots().process(answer.stdout.splitlines()) == {"minet-old": "late", "minet-unknown": "late"}


@pytest.mark.parametrize("hosts", [1, 2])
def test_a_host_that_dies_while_guests_boot_is_named_and_not_its_guests(
    hosts: int, caplog: pytest.LogCaptureFixture
) -> None:
    dead = {SSH: {"success": False}, FAILED: {"success": False}, KVM: WORKING}
    assert run_operation(operations.wait, dead, lab=LAB, guests=guests(2), hosts=hosts).failed
    assert "the host itself does not answer any more" in caplog.text
    assert "are not running" not in caplog.text


def test_guests_that_do_not_come_up_are_all_named_once_the_others_have(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    three = guests(3)
    looks = iter([[], [str(three[1].address.ip)]])
    monkeypatch.setattr(SshAnswers, "process", lambda self, output: frozenset(next(looks)))
    responses = {SSH: ["-"], FAILED: ["off minet-s0", "broken minet-s2"], KVM: WORKING}
    assert not run_operation(operations.wait, responses, lab=LAB, guests=three).failed
    assert next(looks, None) is None
    assert (
        "guests are not running: minet-s0; guests cannot boot, as their consoles say: minet-s2" in caplog.text
    )
