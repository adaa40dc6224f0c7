"""Virtual hosts that go on from saved states: new ones, suspended ones, and checkpoints of a whole lab.

Each test brings the hosts into the state that it needs, and stands on no other.
"""

import json
import os
import random
import re
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from minetlab.images import build_disk
from minetlab.images.toolbox import ensure_toolbox
from minetlab.sandbox import trial
from minetlab.sandbox.images import sandbox_recipe
from minetlab.sandbox.lifecycle import platform_of
from minetlab.sandbox.resume import SCRIPTS
from minetlab.sandbox.spec import SandboxSpec
from tests.e2e.lab_under_test import LAB, PYINFRA, LabUnderTest, lab_in_sandbox

HOSTS = """
kvm_hosts = ["@sandbox/hv1", "@sandbox/hv2"]
container_hosts = ["@sandbox/ct1"]
"""
# What must be a host's own: commands that print it. Two hosts of one state differ in each.
OWN = {
    "name": "hostname",
    "machine-id": "cat /etc/machine-id",
    "SSH host key": "ssh-keygen -y -f /etc/ssh/ssh_host_ed25519_key",
    "who may log in": "cut -d' ' -f2 /root/.ssh/authorized_keys",
    "the journal's folder": "ls /var/log/journal | tail -n 1",
    "libvirt's host UUID": "virsh --connect qemu:///system capabilities | grep -m 1 uuid",
    "the default network's UUID": "virsh --connect qemu:///system net-dumpxml default | grep uuid",
    "the default network's MAC address": "grep 'mac address' /etc/libvirt/qemu/networks/default.xml",
    "randomness": "head -c 16 /dev/urandom | od -A n -t x1",
}
RESEEDED = "dmesg | grep -c 'crng reseeded due to virtual machine fork'"
BOOT_ID = "cat /proc/sys/kernel/random/boot_id"
LEFT_RUNNING = "systemd-run --quiet --unit left-running sleep infinity"
GOES_ON = "systemctl is-active left-running"


@pytest.fixture(scope="module")
def lab() -> Iterator[LabUnderTest]:
    with lab_in_sandbox({}, students=1) as under_test:
        under_test.inventory.write_text(HOSTS)
        yield under_test


def bring_up(lab: LabUnderTest, *hosts: str) -> None:
    """Have hosts run, whatever they do now; others keep doing what they do."""
    limit = [word for host in hosts for word in ("--limit", f"@sandbox/{host}")]
    lab.run(*PYINFRA, "-y", *limit, lab.inventory, "exec", "--", "true")


def on(lab: LabUnderTest, host: str, command: str) -> str:
    return lab.run(*LAB, "sandbox", "ssh", host, command).stdout.strip()


def folder_of(lab: LabUnderTest, host: str) -> Path:
    return lab.state / "sandbox" / host


def saved_memory(lab: LabUnderTest, host: str) -> Path:
    return folder_of(lab, host) / "suspended" / "memory"


def clock_error(lab: LabUnderTest, host: str) -> float:
    """By how many seconds a host's clock is off; what the question takes does not count."""
    before = time.time()
    there = float(on(lab, host, "date +%s.%N"))
    return max(before - there, there - time.time(), 0.0)


def test_two_hosts_of_one_state_share_no_secret_and_no_id(lab: LabUnderTest) -> None:
    bring_up(lab, "hv1", "hv2")
    records = [json.loads((folder_of(lab, host) / "machine.json").read_text()) for host in ("hv1", "hv2")]
    assert records[0]["booted"] == records[1]["booted"] is not None
    for what, command in OWN.items():
        first, second = on(lab, "hv1", command), on(lab, "hv2", command)
        assert first and second, f"{what} cannot be read"
        assert first != second, f"{what} is the same on both: {first}"
    for host in ("hv1", "hv2"):
        assert int(on(lab, host, RESEEDED)) > 0, f"{host} has drawn no new randomness"
    assert on(lab, "hv1", "stat -c %a /etc/ssh/ssh_host_ed25519_key /root/.ssh/authorized_keys").split() == [
        "600",
        "600",
    ]


def test_the_qemu_of_a_host_can_do_nothing_but_run_it(lab: LabUnderTest) -> None:
    bring_up(lab, "hv1")
    pid = int((folder_of(lab, "hv1") / "qemu.pid").read_text())
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    status = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
    assert set(status["Uid"]) == set(status["Gid"]) and "0" not in status["Uid"]
    assert status["Groups"] in ([], [status["Gid"][0]]) or os.geteuid()
    assert int(status["CapEff"][0], 16) == int(status["CapPrm"][0], 16) == 0
    assert (status["NoNewPrivs"], status["Seccomp"]) == (["1"], ["2"]), "it cannot become anybody else again"


def test_only_an_emulated_host_does_without_mitigations(lab: LabUnderTest) -> None:
    bring_up(lab, "hv1")
    emulated = (
        json.loads((folder_of(lab, "hv1") / "machine.json").read_text())["accelerator"]["name"] == "tcg"
    )
    assert ("mitigations=off" in on(lab, "hv1", "cat /proc/cmdline").split()) == emulated


def test_a_new_container_host_has_a_dockerd_of_its_own(lab: LabUnderTest) -> None:
    bring_up(lab, "ct1")
    on(lab, "ct1", "timeout 120 sh -c 'until docker info >/dev/null 2>&1; do sleep 1; done'")
    ids = "docker info --format '{{.ID}}'; docker network ls --no-trunc --quiet"
    before = on(lab, "ct1", ids)
    lab.lab("sandbox", "rm", "ct1")
    bring_up(lab, "ct1")
    on(lab, "ct1", "timeout 120 sh -c 'until docker info >/dev/null 2>&1; do sleep 1; done'")
    after = on(lab, "ct1", ids)
    assert len(before.split()) == len(after.split()) == 4
    assert not set(before.split()) & set(after.split())


def test_a_suspended_host_goes_on_with_the_right_time(lab: LabUnderTest) -> None:
    bring_up(lab, "hv1")
    on(lab, "hv1", f"{GOES_ON} || {LEFT_RUNNING}")
    booted = on(lab, "hv1", BOOT_ID)
    assert "suspended" in lab.lab("sandbox", "stop", "hv1").stdout
    assert re.search(r"hv1\W+suspended", lab.run(*LAB, "sandbox", "ls").stdout)
    memory = saved_memory(lab, "hv1")
    assert stat.S_IMODE(memory.stat().st_mode) == 0o600
    assert stat.S_IMODE(memory.parent.stat().st_mode) == 0o700
    time.sleep(3)  # what its clock would be off by
    assert on(lab, "hv1", BOOT_ID) == booted, "it has booted"
    assert clock_error(lab, "hv1") < 1
    assert on(lab, "hv1", GOES_ON) == "active"
    # libvirtd itself ends when nobody has asked it anything for two minutes: its socket starts it.
    assert on(lab, "hv1", "systemctl is-active libvirtd.socket ssh").split() == ["active", "active"]
    assert on(lab, "hv1", "virsh --connect qemu:///system uri") == "qemu:///system"
    assert not memory.exists()


def test_a_host_goes_on_whose_processor_is_inside_a_guest(
    lab: LabUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As is tried under KVM before states are relied on there; a guest that did not stand still may hang."""
    monkeypatch.setenv("MINETLAB_STATE", str(lab.state))
    spec = SandboxSpec(memory=2048)
    image = build_disk(sandbox_recipe(spec.debian, spec.image, spec.disk), print)
    platform = platform_of(spec, image, ensure_toolbox(print), print, ["kvm_hosts"])
    assert trial.attempt(platform, print) == ""


def test_a_host_that_is_shut_down_boots_as_the_same(lab: LabUnderTest) -> None:
    bring_up(lab, "hv1")
    booted, key, machine = (on(lab, "hv1", c) for c in (BOOT_ID, OWN["SSH host key"], OWN["machine-id"]))
    lab.lab("sandbox", "stop", "--shutdown", "hv1")
    bring_up(lab, "hv1")
    assert on(lab, "hv1", BOOT_ID) != booted
    assert (on(lab, "hv1", OWN["SSH host key"]), on(lab, "hv1", OWN["machine-id"])) == (key, machine)


def test_a_damaged_memory_is_named_and_the_host_boots(lab: LabUnderTest) -> None:
    bring_up(lab, "hv1")
    booted = on(lab, "hv1", BOOT_ID)
    lab.lab("sandbox", "stop", "hv1")
    with saved_memory(lab, "hv1").open("r+b") as memory:
        memory.seek(memory.seek(0, os.SEEK_END) // 2)
        byte = memory.read(1)
        memory.seek(-1, os.SEEK_CUR)
        memory.write(bytes([byte[0] ^ 1]))
    said = lab.run(
        *PYINFRA, "-y", "--limit", "@sandbox/hv1", lab.inventory, "exec", "--", "true", merged=True
    )
    assert "its saved memory is not used: its memory is damaged" in said.stdout
    assert on(lab, "hv1", BOOT_ID) != booted


def test_a_host_whose_clock_a_killed_run_did_not_set_has_it_set_by_the_next(lab: LabUnderTest) -> None:
    bring_up(lab, "hv1")
    on(lab, "hv1", "date --set '1 hour ago'")
    (folder_of(lab, "hv1") / "clock-stopped").touch()
    assert clock_error(lab, "hv1") < 1


def test_a_run_that_is_ended_loses_nothing(lab: LabUnderTest) -> None:
    """Saving and going on, killed or interrupted by Ctrl-C at moments all over what they take."""
    bring_up(lab, "hv1")
    on(lab, "hv1", f"{GOES_ON} || {LEFT_RUNNING}")
    on(lab, "hv1", (SCRIPTS / "tick.sh").read_text())
    ended = []
    booted = on(lab, "hv1", BOOT_ID)
    moments = random.Random(12)  # noqa: S311 (the same moments each time)
    commands = (["stop", "hv1"], ["ssh", "hv1", "true"])
    for command, how in [(each, how) for how in (signal.SIGKILL, signal.SIGINT) * 2 for each in commands]:
        process = subprocess.Popen([*LAB, "sandbox", *command], env=lab.environment)
        time.sleep(moments.uniform(0.5, 5))
        process.send_signal(how)
        ended.append(process.wait())
        bring_up(lab, "hv1")
        assert on(lab, "hv1", BOOT_ID) == booted, f"it has booted after {how.name} to {command}"
        assert on(lab, "hv1", GOES_ON) == "active"
        assert clock_error(lab, "hv1") < 1
        if command[0] == "stop":
            lab.lab("sandbox", "stop", "hv1")
    assert any(ended), "each of them was done before it was to be ended"
    on(lab, "hv1", (SCRIPTS / "ticks.sh").read_text())
    on(lab, "hv1", "systemctl stop minetlab-tick")


def test_all_hosts_go_back_to_a_checkpoint(lab: LabUnderTest) -> None:
    inventory: list[str | Path] = ["-i", lab.inventory]
    bring_up(lab, "hv1", "hv2", "ct1")
    for host in ("hv1", "ct1"):
        on(lab, host, "echo before >/root/notes; echo before >/run/notes")
    lab.lab("sandbox", "rm", "--checkpoint", "before", *inventory, check=False)
    lab.lab("sandbox", "save", "before", *inventory)
    assert "before" in lab.run(*LAB, "sandbox", "ls").stdout
    for host in ("hv1", "ct1"):
        assert on(lab, host, "cat /root/notes") == "before", "it did not go on"
        on(lab, host, "echo after >/root/notes; echo after >/run/notes; sync")
    assert "no host may run during a restore, and these do" in lab.refused(
        "sandbox", "restore", "before", *inventory
    )
    lab.lab("sandbox", "stop")
    lab.lab("sandbox", "restore", "before", *inventory)
    for host in ("hv1", "ct1"):
        assert on(lab, host, "cat /root/notes /run/notes").split() == ["before", "before"]
        assert clock_error(lab, host) < 1
    lab.lab("sandbox", "rm")
    lab.lab("sandbox", "restore", "before", *inventory)
    assert on(lab, "hv1", "cat /run/notes") == "before"


@pytest.mark.skipif(os.geteuid() != 0, reason="a small file system takes root to mount")
def test_a_full_disk_is_one_error_and_the_hosts_go_on(lab: LabUnderTest) -> None:
    bring_up(lab, "hv1", "hv2", "ct1")
    booted = on(lab, "hv1", BOOT_ID)
    folder = lab.state / "labs" / lab.name / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder], check=True)
    try:
        said = lab.refused("sandbox", "save", "full", "-i", lab.inventory)
        assert re.search(r"a checkpoint needs \d+\.\d GiB of free disk, .* has 0\.1 GiB", said)
        assert list(folder.iterdir()) == []
    finally:
        subprocess.run(["umount", folder], check=True)
    assert on(lab, "hv1", BOOT_ID) == booted


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["save", "../up"], "'../up' cannot be the name of a checkpoint"),
        (["restore", "nowhere"], "there is none of that name"),
        (["rm", "--checkpoint", "nowhere"], "there is no checkpoint nowhere"),
        (["prune", "--to", "much"], "Invalid value for '--to'"),
    ],
)
def test_bad_input_is_one_error(lab: LabUnderTest, arguments: list[str], said: str) -> None:
    more: list[str | Path] = [] if arguments[0] == "prune" else ["-i", lab.inventory]
    output = lab.refused("sandbox", *arguments, *more)
    assert said in " ".join(output.split())
    assert "Traceback" not in output
