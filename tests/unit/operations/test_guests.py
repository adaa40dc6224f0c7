"""Guests and their image, on a host that answers from a script."""

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.command import StringCommand

from minetlab.facts.libvirt import VIRSH, FailedBoots, SshAnswers
from minetlab.lab import DebianImage, GuestImage, GuestSize, KvmHostSettings
from minetlab.operations import guest_images
from minetlab.operations import guests as operations
from minetlab.resources import boots
from minetlab.resources.layout import Layout
from tests.support.fake_host import Run, run_by_a_host, run_operation
from tests.support.guests import IMAGE, LAB, NETWORK, SETTINGS, answer, guests
from tests.support.kvm_host import EMPTY, FAILED, IDLE, KVM, SSH, STATE, WORKING, image_at, steps_of, times


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
    assert (len(run.commands), run.changed, run.failed) == (2, False, False)


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
    assert (len(again.commands), again.changed, again.failed) == (2, False, False)
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


def test_a_changed_size_restarts_guests_and_says_so_first(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    settings = SETTINGS.model_copy(update={"guest": GuestSize(memory=1024, disk=4)})
    run = running(answer(1), 1, settings=settings)
    assert [command.split()[4] for command in run.sent(VIRSH)] == ["shutdown", "list"]
    (ended,) = (command for command in run.commands if " destroy " in command)
    for they_run, destroyed in (("minet-s1\nminet-s0", True), ("minet-s01", False), ("", False)):
        (tmp_path / "ended").unlink(missing_ok=True)
        virsh = f'[ "$4" = list ] && echo "{they_run}" || touch "${{0%/*}}/ended"'
        assert run_by_a_host(StringCommand(ended), virsh, tmp_path).returncode == 0
        assert (tmp_path / "ended").exists() == destroyed
    assert [step[0] for step in steps(run)] == ["define", "autostart", "start"]
    (off,) = (number for number, command in enumerate(run.commands) if " shutdown " in command)
    (defined,) = (number for number, command in enumerate(run.commands) if "define" in command)
    assert off < defined
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


def test_guests_without_hardware_virtualization_are_emulated_unless_it_is_required() -> None:
    assert b'type="qemu"' in running(EMPTY, 1, kvm=["vendor X"]).files["specs/domain-minet-s0.xml"]
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
    assert (len(run.commands), run.changed, run.failed) == (1, False, False)


def test_waiting_for_a_guest_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([ADDRESSES[:1], ADDRESSES])
    monkeypatch.setattr(SshAnswers, "process", lambda self, output: frozenset(next(answers)))
    run = ready({SSH: ADDRESSES, FAILED: []})
    assert (next(answers, None), run.changed, run.failed) == (None, False, False)


def test_a_guest_that_is_off_fails_the_host_and_shows_its_console(
    caplog: pytest.LogCaptureFixture,
) -> None:
    console = f"/var/lib/libvirt/images/minet-lab/{LAB}/consoles/minet-s1.log"
    run = ready(
        {SSH: ADDRESSES[:1], FAILED: ["off minet-s1"], "tail -n": [f"@{console}", " No bootable device"]}
    )
    assert run.failed
    assert "guests are not running: minet-s1" in caplog.text
    assert "No bootable device" in caplog.text


def test_nobody_waits_for_a_guest_that_cannot_boot(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert ready({SSH: [], FAILED: ["broken minet-s1", "off minet-s0"]}).failed
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
    command = FailedBoots().command(LAB, tuple(CONSOLES)).replace(Layout(LAB).consoles, str(tmp_path))
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


def test_a_guest_that_never_answers_fails_the_host_in_time(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(boots, "GUEST_BOOT_LIMIT", -1)
    assert ready({SSH: [], FAILED: []}).failed
    assert "do not answer SSH after -1 s: minet-s0, minet-s1" in caplog.text
    assert "virsh console minet-s0" in caplog.text


def test_a_host_that_dies_while_guests_boot_is_named_and_not_its_guests(
    caplog: pytest.LogCaptureFixture,
) -> None:
    dead = {SSH: {"success": False}, FAILED: {"success": False}, KVM: WORKING}
    assert run_operation(operations.wait, dead, lab=LAB, guests=guests(2), hosts=2).failed
    assert "the host itself does not answer any more" in caplog.text
    assert "are not running" not in caplog.text


def present(lines: list[str], image: GuestImage, *tps: str) -> Run:
    return run_operation(guest_images.upload, {STATE: lines}, lab=LAB, image=image, tps=tps)


def test_guests_that_do_not_come_up_are_all_named_once_the_others_have(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    three = guests(3)
    looks = iter([[], [str(three[1].address.ip)]])
    monkeypatch.setattr(SshAnswers, "process", lambda self, output: frozenset(next(looks)))
    responses = {SSH: ["-"], FAILED: ["off minet-s0", "broken minet-s2"], KVM: WORKING}
    assert run_operation(operations.wait, responses, lab=LAB, guests=three).failed
    assert next(looks, None) is None
    assert (
        "guests are not running: minet-s0; guests cannot boot, as their consoles say: minet-s2" in caplog.text
    )


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
    assert run_operation(operations.run, {STATE: EMPTY, KVM: WORKING}, lab=LAB, **arguments).failed
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
