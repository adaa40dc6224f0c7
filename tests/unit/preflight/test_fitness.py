"""What the preflight finds of a host: nothing where all is well, and each thing that can be wrong."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any

import pytest

from minetlab.lab import (
    BridgedNetwork,
    ContainerHost,
    ContainerHostSettings,
    GuestSize,
    KvmHost,
    KvmHostSettings,
    Lab,
    Student,
)
from minetlab.lab.settings import AddressPool, PortRange
from minetlab.plan import allocate
from minetlab.preflight.findings import CheckedHost, Finding, Severity
from minetlab.preflight.fitness import findings, verdict
from minetlab.resources.confinement import ConfinementObserved
from minetlab.resources.docker import DockerObserved, ObservedContainer
from minetlab.resources.dockerd import DaemonState, pools_setting
from minetlab.resources.guests import OVERHEAD
from minetlab.resources.host import HostObserved, Route, System, parse_system
from minetlab.resources.kvm import KvmObserved
from minetlab.resources.layout import overlay
from minetlab.resources.libvirt import Domain, Label, LibvirtObserved, Volume
from minetlab.resources.lock import Holder
from minetlab.util.names import named

NOW = 1_800_000_000.0
GUESTS = 4
KVM = KvmHostSettings(guest=GuestSize(memory=1000, cores=4, disk=8))
CONTAINERS = ContainerHostSettings(ssh_ports=PortRange(first=20000, last=20003))
SYSTEM = System(
    time=NOW,
    debian=13,
    memory=8000,
    processors=8,
    disk=100_000,
    docker_disk=100_000,
    controllers=frozenset({"cpu", "cpuset", "io", "memory", "pids"}),
    file_system="ext4",
    on_disk=True,
    loop_devices=True,
    routes=(Route(IPv4Network("192.0.2.0/24"), "eth0"), Route(IPv4Network("10.0.0.0/30"), "eth1")),
    bridges=frozenset({"br0"}),
    ports=frozenset({22}),
)
CONFINES = ConfinementObserved(available=True)
WORKS = KvmObserved(vendor="GenuineIntel", feature="vmx", loaded=True, nested=True, device=True)


def subject(
    *, require_kvm: bool = False, settings: Any = KVM, container: Any = CONTAINERS, **seen: Any
) -> CheckedHost:
    """A host of both groups, on which all is well but for what is given."""
    lab = Lab(
        name="minet",
        students=tuple(Student(login=f"s{each}", name=f"s{each}") for each in range(GUESTS)),
        kvm_hosts=(KvmHost(name="h", settings=settings),),
        container_hosts=(ContainerHost(name="h", settings=container),),
        require_kvm=require_kvm,
    )
    plan = allocate(lab)
    system = replace(SYSTEM, **{key: seen.pop(key) for key in list(seen) if hasattr(SYSTEM, key)})
    observed = HostObserved(system, **{"kvm": WORKS, "confinement": CONFINES, **seen})
    return CheckedHost(lab, "h", observed, plan.guests, plan.containers, settings, container)


def bad(of: CheckedHost) -> list[Finding]:
    return [each for each in findings(of, NOW - 1, NOW + 1) if each.severity != Severity.OK]


def test_where_all_is_well_everything_is_checked_and_fits() -> None:
    found = list(findings(subject(), NOW - 1, NOW + 1))
    assert {each.severity for each in found} == {Severity.OK}
    assert [each.check for each in found] == [
        *("sudo", "Debian", "clock", "virtualization", "AppArmor", "limits", "memory", "disk", "processors"),
        *("home folders", "guest network", "address pools", "ports"),
    ]
    assert verdict([subject()], found) == "fits"


def domains(number: int, lab: str = "minet", *, active: bool = True) -> LibvirtObserved:
    """The first guests, and their disks, half full."""
    names = [f"minet-s{each}" for each in range(number)]
    return LibvirtObserved(
        domains={name: Domain(name, name, label=Label(lab, "x"), active=active) for name in names},
        volumes={overlay(name): Volume(overlay(name), 8 << 30, allocation=4 << 30) for name in names},
    )


def container(name: str, lab: str, **fields: int) -> DockerObserved:
    each = ObservedContainer(name, "running", lab, fields=json.dumps(fields))
    return DockerObserved(containers={name: each})


THEIRS = [{"base": "10.202.0.0/16", "size": 24}]
GATEWAY = Route(IPv4Network("10.0.0.0/8"), "eth0", far=True)
PORT = subject().containers[0].ssh_port
BRIDGED = BridgedNetwork.model_validate(
    {
        "mode": "bridge",
        "bridge": "br7",
        "subnet": "192.0.2.0/24",
        "gateway": "192.0.2.1",
        "nameservers": ["192.0.2.1"],
    }
)
W, P = Severity.WARNING, Severity.PROBLEM
WRONG: dict[str, tuple[dict[str, Any], str, Severity, str]] = {
    "no root": ({"root": False}, "sudo", P, "do not run as root"),
    "old Debian": ({"debian": 11}, "Debian", P, "it is Debian 11"),
    "no Debian": ({"debian": None}, "Debian", P, "it is not Debian"),
    "locked": ({"lock": Holder("x", "bob@pc", "minet", 130)}, "lock", W, "bob@pc .* for 2 min"),
    "slow clock": ({"time": NOW - 100}, "clock", W, "99 s slow"),
    "fast clock": ({"time": NOW + 100}, "clock", W, "99 s fast"),
    "no virtualization": ({"kvm": KvmObserved("X")}, "virtualization", W, r"\(X\) .* emulated"),
    "none, required": (
        {"kvm": KvmObserved("X"), "require_kvm": True}, "virtualization", P, "require_kvm is set",
    ),
    "no AppArmor": ({"confinement": ConfinementObserved()}, "AppArmor", W, "breaks out of its QEMU"),
    "no device": ({"kvm": replace(WORKS, device=False)}, "virtualization", W, "cannot open /dev/kvm"),
    "not nested": ({"kvm": replace(WORKS, nested=False, users=2)}, "virtualization", W, "nested=0"),
    "memory": ({"memory": 2 * (1000 + OVERHEAD)}, "memory", P, "^2 guests too many: 4 to start need 4512"),
    "memory at the limit": ({"memory": 5000}, "memory", W, "4 containers .* 5536 MiB in all; 5000 MiB"),
    "disk": ({"disk": 2000}, "disk", P, "4 guests take 2048 MiB at first, 2000 MiB"),
    "home folders": ({"docker_disk": 2000}, "home folders", W, "4 that are full take 2048 MiB, 2000 MiB"),
    "no cgroup v2": (
        {"controllers": frozenset()}, "limits", W, "does not limit cpus, iops, memory, pids of containers",
    ),
    "no memory controller": (
        {"controllers": SYSTEM.controllers - {"memory"}}, "limits", W, r"limit memory of .* v2 with memory\)",
    ),
    "no disk to limit": ({"on_disk": False, "file_system": "zfs"}, "limits", W, "iops has no effect on zfs"),
    "no loop devices": ({"loop_devices": False}, "limits", P, "no loop devices"),
    "thin disk": ({"disk": 32000}, "disk", W, "4 guests .* 32768 MiB more, 32000 MiB"),
    "processors": ({"processors": 1}, "processors", W, "16 virtual processors on 1: 16 for each"),
    "own network": (
        {"routes": (Route(IPv4Network("10.77.0.0/16"), "eth0"),)},
        "guest network", P, "10.77.0.0/24 overlaps 10.77.0.0/16, which the host reaches by eth0",
    ),
    "other lab": (
        {"routes": (Route(IPv4Network("10.77.0.0/24"), "vbr-other"),)},
        "guest network", P, "the guest network of the lab other",
    ),
    "campus": ({"routes": (GATEWAY,)}, "guest network", W, "hides a part of 10.0.0.0/8"),
    "no bridge": (
        {"settings": KVM.model_copy(update={"guest_network": BRIDGED})},
        "guest network", P, "no bridge br7: it has br0",
    ),
    "pool": (
        {"routes": (Route(IPv4Network("10.201.3.0/24"), "wg0", far=True),)},
        "address pools", P, "10.201.0.0/16 overlaps 10.201.3.0/24",
    ),
    "pool and subnet": (
        {"container": CONTAINERS.model_copy(
            update={"docker_address_pools": (AddressPool(base=IPv4Network("10.77.0.0/16"), size=24),)})},
        "address pools", P, "overlaps 10.77.0.0/24, the guests' own",
    ),
    "pools of another lab": (
        {"docker": container("other-x", "other"), "daemon": DaemonState({"default-address-pools": THEIRS})},
        "address pools", P, r"10\.202\.0\.0/16.* for the lab other; this lab wants .*10\.201\.0\.0/16",
    ),
    "broken settings": (
        {"daemon": DaemonState(fault="/etc/docker/daemon.json is not JSON: x")}, "dockerd", P, "is not JSON",
    ),
    "ports": ({"ports": frozenset({PORT, 8080})}, "ports", P, rf"8080 \(minet-site\).*{PORT} \(minet-s"),
    "port of another lab": (
        {"docker": container("other-x", "other", ssh_port=PORT)}, "ports", P, f"{PORT} .* by other-x",
    ),
    "domain": ({"libvirt": domains(1, lab="other")}, "names", P, "minet-s0"),
    "container": ({"docker": container("minet-s0-processus", "")}, "names", P, "minet-s0-processus"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_found_with_what_to_do(case: str) -> None:
    seen, check, severity, said = WRONG[case]
    found = [each for each in bad(subject(**seen)) if each.check == check]
    assert [(each.host, each.severity) for each in found] == [("h", severity)]
    assert re.search(said, found[0].message)
    assert found[0].next_step


def test_a_host_in_no_group_of_the_lab_is_named_and_needs_no_release() -> None:
    nowhere = replace(subject(debian=None), kvm=None, container=None)
    (finding,) = bad(nowhere)
    assert (finding.check, finding.severity) == ("groups", W)
    assert "neither in kvm_hosts nor in container_hosts" in finding.message


def test_what_stands_already_is_not_needed_again() -> None:
    each = 1000 + OVERHEAD
    assert not bad(subject(memory=each + 4 * 256, libvirt=domains(3)))
    assert [one.check for one in bad(subject(memory=each, libvirt=domains(3, active=False)))] == ["memory"]
    assert not bad(subject(disk=4 * 4096, libvirt=domains(4)))


def test_guests_that_are_not_to_run_need_a_disk_and_no_memory() -> None:
    idle = KVM.model_copy(update={"guests_run": False})
    small: dict[str, Any] = {"settings": idle, "memory": 4 * 256, "processors": 1}
    found = {each.check: each for each in findings(subject(**small), NOW - 1, NOW + 1)}
    assert {each.severity for each in found.values()} == {Severity.OK}
    assert found["memory"].message.startswith("0 guests (guests_run is False) and 4 containers to start take")
    assert [each.check for each in bad(subject(settings=idle, disk=2000))] == ["disk"]
    running = bad(subject(**small, libvirt=domains(4)))
    assert [each.check for each in running] == ["processors"]
    assert verdict([subject(**small)], bad(subject(**small))) == "fits"


def test_the_labs_own_network_and_ports_are_no_clash() -> None:
    own = Route(IPv4Network("10.77.0.0/24"), "vbr-minet")
    docker = [
        Route(IPv4Network("10.201.0.0/24"), device) for device in ("docker0", "br-0123456789ab", "dbr-minet")
    ]
    assert not bad(subject(routes=(own, *docker)))
    assert not bad(subject(ports=frozenset({PORT}), docker=container("minet-x", "minet", ssh_port=PORT)))
    assert not bad(subject(ports=frozenset({8080}), docker=container("minet-site", "minet", port=8080)))
    spoilt = DockerObserved(containers={"x": ObservedContainer("x", "running", "other", fields="spoilt")})
    assert not bad(subject(docker=spoilt))


def test_address_pools_that_nobody_else_uses_or_all_share_are_no_clash() -> None:
    theirs = DaemonState({"default-address-pools": THEIRS})
    ours = DaemonState({"default-address-pools": pools_setting(CONTAINERS.docker_address_pools)})
    assert not bad(subject(daemon=theirs, docker=container("minet-x", "minet")))
    assert not bad(subject(daemon=ours, docker=container("other-x", "other")))
    assert not bad(subject(daemon=DaemonState({}), docker=container("other-x", "other")))


def test_the_verdict_says_where_it_does_not_fit() -> None:
    short = subject(memory=1000 + OVERHEAD)
    assert verdict([subject(), short], bad(short)) == "does not fit: 3 guests too many on h"
    wrong = bad(subject(root=False))
    assert verdict([subject()], wrong) == "cannot be deployed as it is: see h"
    silent = [Finding("hv9", "reachable", Severity.UNREACHABLE, "")]
    assert verdict([], silent) == "fits, as far as hosts answer: hv9 did not"
    assert named(["a", "b", "c"], most=3) == "a, b, c"


def lines() -> Iterator[str]:
    yield from (
        "user 1000",
        "release debian 12",
        "memory 5",
        "processors 3",
        "disk 6",
        "docker-disk 7",
        "cgroup cgroup2fs cpu io",
        "file-system ext4 254:1",
        "loop 0",
        "bridge br0",
    )
    routes = [
        {"dst": "default", "gateway": "192.0.2.1", "dev": "eth0"},
        {"dst": "10.0.0.0/8", "gateway": "192.0.2.9", "dev": "eth0"},
        {"type": "blackhole", "dst": "10.9.9.9"},
    ]
    yield f"routes {json.dumps(routes)}"
    yield from ("listens 0.0.0.0:22", "listens [::]:80", "listens 127.0.0.53%lo:53", "time 12.5")


def test_the_hosts_words_are_read() -> None:
    assert parse_system(lines()) == System(
        root=False,
        time=12.5,
        debian=12,
        memory=5,
        processors=3,
        disk=6,
        docker_disk=7,
        controllers=frozenset({"cpu", "io"}),
        file_system="ext4",
        on_disk=True,
        loop_devices=True,
        routes=(GATEWAY, Route(IPv4Network("10.9.9.9"))),
        bridges=frozenset({"br0"}),
        ports=frozenset({22, 80, 53}),
    )
    assert parse_system(line.replace("debian 12", "fedora 42") for line in lines()).debian is None
    assert not parse_system(line.replace("cgroup2fs", "tmpfs") for line in lines()).controllers
    assert not parse_system(line.replace("ext4 254:1", "overlay 0:35") for line in lines()).on_disk
    assert parse_system(line.replace("ext4 254:1", "btrfs 0:35") for line in lines()).on_disk
    assert not parse_system(line.replace("loop 0", "loop 1") for line in lines()).loop_devices
    with pytest.raises(ValueError, match="answer is incomplete"):
        parse_system(line for line in lines() if not line.startswith("memory"))
