"""Every rule finds what it is for, and finds nothing in a lab that is as it should be."""

import re
from dataclasses import replace
from typing import Any

import pytest

from minetlab.audit.rules import (
    FROM_INSIDE,
    HOST_RULES,
    RULES_HERE,
    in_order,
    not_asked,
    of_host,
    of_this_machine,
)
from minetlab.audit.weaknesses import AuditedHost, ThisMachine, Weakness, Weight
from minetlab.lab import ContainerHostSettings
from minetlab.resources.docker import access_folder, homes_folder
from minetlab.resources.jump import JumpObserved
from minetlab.resources.seccomp import PROFILE
from minetlab.resources.security import MOST_FILES, FileState, Listener, ProcessState, Tap
from minetlab.resources.site import secrets_folder, sites_folder
from minetlab.util.paths import PROJECT_ROOT
from tests.support.audit import EVERY, KEY, LAYOUT, NOW, clean_host, clean_machine, inspected

CLEAN = clean_host()
ALICE, CONTAINER = "lab-alice", "lab-alice-processus"
DAY = 24 * 3600


def listening(*more: Listener) -> dict[str, Any]:
    return {"listeners": (*CLEAN.security.listeners, *more)}


def file(path: str, mode: int, owner: int = 0, kind: str = "f") -> dict[str, Any]:
    return {"files": {path: FileState(mode, owner, NOW, kind)}}


def qemu(user: int = 64055, seccomp: int = 2, profile: str = "libvirt-0 (enforce)") -> dict[str, Any]:
    return {"qemu": {ALICE: ProcessState(user, seccomp, profile)}}


def container(**config: Any) -> dict[str, Any]:
    return {"containers": inspected(CLEAN.lab, **config)}


def mounting(source: str) -> dict[str, Any]:
    containers = inspected(CLEAN.lab)
    containers[CONTAINER]["Mounts"].append({"Type": "bind", "Source": source})
    return {"containers": containers}


def tap(**fields: str) -> dict[str, Any]:
    return {"taps": {**CLEAN.security.taps, ALICE: replace(CLEAN.security.taps[ALICE], **fields)}}


WEAK_SECURITY: list[tuple[str, Weight, dict[str, Any], str]] = [
    ("open ports", Weight.LOW, listening(Listener("tcp", "[::]", 9100, "exporter")), "[::]:9100 (exporter)"),
    ("open ports", Weight.LOW, listening(Listener("udp", EVERY, 111)), "udp 0.0.0.0:111 (unknown)"),
    ("open ports", Weight.LOW, listening(Listener("udp", EVERY, 53, "dnsmasq")), "dnsmasq"),
    ("open ports", Weight.HIGH, listening(Listener("tcp", "127.0.0.1", 2375, "dockerd")), "obeys whoever"),
    ("files", Weight.HIGH, file(LAYOUT.disk("lab-alice.qcow2"), 0o644, 64055), "a guest's disk"),
    ("files", Weight.HIGH, file(LAYOUT.disk("lab-alice-seed-0123456789ab.iso"), 0o640), "a guest's keys"),
    ("files", Weight.HIGH, file(LAYOUT.disk("base-0123456789ab.qcow2"), 0o464), "the image of all guests"),
    ("files", Weight.MEDIUM, file(LAYOUT.console("lab-alice"), 0o604), "a guest's console"),
    ("files", Weight.LOW, file(LAYOUT.disks, 0o755, kind="d"), "guests' files"),
    ("files", Weight.HIGH, file(access_folder("lab"), 0o755, kind="d"), "keys and passwords"),
    ("files", Weight.HIGH, file(f"{access_folder('lab')}/{CONTAINER}/host_key", 0o440), "a private key"),
    ("files", Weight.HIGH, file(f"{secrets_folder('lab')}/key.pem", 0o404), "the site's secrets"),
    ("files", Weight.HIGH, file(f"{homes_folder('lab')}/{CONTAINER}.img", 0o640), "a student's home folder"),
    ("files", Weight.MEDIUM, file(sites_folder("lab"), 0o755, kind="d"), "instructors' pages"),
    ("files", Weight.HIGH, file("/etc/minet-lab/lab.nft", 0o646), "what root's programs read"),
    ("files", Weight.HIGH, file("/etc/minet-lab/lab.nft", 0o644, owner=1000), "belongs to user 1000"),
    ("daemons", Weight.HIGH, {"open_to_all": frozenset({"docker"})}, "commands docker"),
    ("daemons", Weight.MEDIUM, {"open_sockets": ("/run/libvirt/libvirt-sock-ro",)}, "libvirt-sock-ro"),
    ("daemons", Weight.MEDIUM, {"root_by_group": {"libvirt": ("carol",)}}, "carol"),
    ("QEMU", Weight.HIGH, qemu(user=0), "runs as root"),
    ("QEMU", Weight.MEDIUM, qemu(seccomp=0), "no seccomp filter"),
    ("QEMU", Weight.MEDIUM, qemu(profile="libvirt-0 (complain)"), "libvirt-0 (complain)"),
    ("QEMU", Weight.MEDIUM, qemu(profile=""), "no profile"),
    ("interfaces", Weight.HIGH, tap(filter=""), "in the name of others"),
    ("interfaces", Weight.HIGH, tap(address="10.0.0.99"), "in the name of others"),
    ("interfaces", Weight.HIGH, {"filtered": frozenset({"vnet1"})}, "in the name of others"),
    ("interfaces", Weight.HIGH, {"isolated": {"vnet0": False, "vnet1": True}}, "reaches its neighbours"),
    ("containers", Weight.HIGH, container(Privileged=True), "--privileged is true, not false"),
    ("containers", Weight.HIGH, container(CapAdd=["CAP_SYS_ADMIN"]), "is CAP_SYS_ADMIN, not none"),
    ("containers", Weight.HIGH, container(CapDrop=None), "is none, not ALL"),
    ("containers", Weight.HIGH, container(SecurityOpt=[f"seccomp={PROFILE}"]), "gain privileges is true"),
    (
        "containers",
        Weight.HIGH,
        container(SecurityOpt=["no-new-privileges:false", f"seccomp={PROFILE}"]),
        "gain privileges is true",
    ),
    (
        "containers",
        Weight.HIGH,
        container(SecurityOpt=["no-new-privileges", "seccomp=unconfined"]),
        "seccomp=unconfined",
    ),
    (
        "containers",
        Weight.HIGH,
        container(SecurityOpt=["no-new-privileges"]),
        "another seccomp profile is true",
    ),
    ("containers", Weight.MEDIUM, container(ReadonlyRootfs=False), "--read-only is false"),
    ("containers", Weight.HIGH, container(Devices=[{"PathOnHost": "/dev/kvm"}]), "/dev/kvm"),
    ("containers", Weight.HIGH, container(PidMode="host"), "--pid"),
    ("containers", Weight.MEDIUM, container(PidsLimit=None), "its limit of processes is none, not 128"),
    ("containers", Weight.MEDIUM, container(CgroupParent="system.slice"), "system.slice, not minetlab_lab-"),
    ("containers", Weight.MEDIUM, container(NanoCpus=0), "its limit of processors"),
    ("containers", Weight.HIGH, mounting("/run/docker.sock"), "/run/docker.sock"),
    ("containers", Weight.HIGH, mounting("/"), "is /, not none"),
    ("containers", Weight.HIGH, mounting(f"{access_folder('lab')}/lab-bob-processus"), "lab-bob-processus"),
    (
        "containers",
        Weight.MEDIUM,
        {"first_processes": {CONTAINER: ProcessState(1, 0, "docker-default (enforce)")}},
        "no seccomp filter",
    ),
    ("dockerd", Weight.HIGH, {"dockerd": ("name=seccomp,profile=builtin",)}, "by apparmor"),
    (
        "dockerd",
        Weight.HIGH,
        {"dockerd": ("name=apparmor", "name=seccomp,profile=unconfined")},
        "by seccomp",
    ),
    ("dockerd", Weight.HIGH, {"icc": True}, "reach each other"),
    ("firewall", Weight.HIGH, {"rules": {"inet input": ("accept",)}}, "inet input"),
    ("sshd", Weight.MEDIUM, {"sshd": {"passwordauthentication": "yes"}}, "passwords can be guessed"),
    ("jump account", Weight.HIGH, {"sshd_of_jump": {"permittty": "yes"}}, "PermitTTY is yes"),
    ("authorized keys", Weight.HIGH, {"authorized_keys": {"/k": (f"{KEY}X eve",)}}, "/k: line 1"),
    (
        "updates",
        Weight.MEDIUM,
        {"upgrades": {"sudo": "2 Debian-Security:13/stable"}},
        "security updates: sudo",
    ),
    ("updates", Weight.LOW, {"upgrades": {"nano": "2 Debian:13.1/stable"}}, "lack updates: nano"),
    ("updates", Weight.LOW, {"lists_fetched": None}, "no package lists"),
    ("updates", Weight.LOW, {"lists_fetched": NOW - 8 * DAY}, "8 days old"),
    ("not seen", Weight.MEDIUM, {"sshd": {}}, "sshd's settings"),
    ("not seen", Weight.MEDIUM, {"rules": {}, "rules_of_file": {}}, "the rules of the firewall's file"),
    ("not seen", Weight.MEDIUM, {"upgrades": None}, "updates"),
    (
        "not seen",
        Weight.MEDIUM,
        {"files": {f"/etc/minet-lab/{number}": FileState(0o600, 0) for number in range(MOST_FILES)}},
        "files",
    ),
]


@pytest.mark.parametrize(("rule", "weight", "security", "words"), WEAK_SECURITY)
def test_what_is_weak_on_a_host_is_found_once(
    rule: str, weight: Weight, security: dict[str, Any], words: str
) -> None:
    assert_only(list(of_host(clean_host(**security))), rule, weight, words)


JUMP = CLEAN.jump
WEAK_HOSTS: list[tuple[str, Weight, AuditedHost, str]] = [
    (
        "open ports",
        Weight.MEDIUM,
        replace(clean_host(**listening(Listener("tcp", "*", 9100))), reached=frozenset({9100})),
        "answers this machine",
    ),
    ("firewall", Weight.HIGH, replace(CLEAN, firewall=replace(CLEAN.firewall, loaded="")), "has no table"),
    (
        "firewall",
        Weight.HIGH,
        replace(CLEAN, firewall=replace(CLEAN.firewall, loaded="1")),
        "an earlier plan",
    ),
    ("firewall", Weight.HIGH, replace(CLEAN, firewall=replace(CLEAN.firewall, files={})), "not as planned"),
    (
        "firewall",
        Weight.MEDIUM,
        replace(CLEAN, firewall=replace(CLEAN.firewall, enabled=frozenset())),
        "after a reboot",
    ),
    ("jump account", Weight.HIGH, replace(CLEAN, jump=replace(JUMP, home="/root")), "the home folder /root"),
    ("jump account", Weight.HIGH, replace(CLEAN, jump=replace(JUMP, settings="")), "is not as planned"),
    ("jump account", Weight.HIGH, replace(CLEAN, jump=replace(JUMP, limits="")), "are not limited"),
    ("jump account", Weight.MEDIUM, replace(CLEAN, jump=replace(JUMP, stale=True)), "has not read"),
    (
        "authorized keys",
        Weight.HIGH,
        replace(CLEAN, jump=replace(JUMP, keys=f"{JUMP.keys}ssh-rsa AAAAOTHER eve\n")),
        "jump_keys: line 2 lets in a key that is not known here: eve",
    ),
    ("settings", Weight.HIGH, replace(CLEAN, host_key_checking="no"), "any machine can pass"),
    (
        "settings",
        Weight.LOW,
        replace(CLEAN, lab=CLEAN.lab.model_copy(update={"require_kvm": False})),
        "require_kvm is False",
    ),
    (
        "settings",
        Weight.LOW,
        replace(
            CLEAN,
            kvm=CLEAN.kvm
            and CLEAN.kvm.model_copy(update={"guest": CLEAN.kvm.guest.model_copy(update={"iops": 9000})}),
        ),
        "guest.iops is 9000, where the default is 2000",
    ),
    (
        "settings",
        Weight.MEDIUM,
        replace(CLEAN, kvm=CLEAN.kvm and CLEAN.kvm.model_copy(update={"egress": "open"})),
        "egress is open, where the default is empty",
    ),
    (
        "open ports",
        Weight.LOW,
        replace(
            clean_host(listeners=(Listener("tcp", EVERY, CLEAN.containers[0].ssh_port, "docker-proxy"),)),
            container=ContainerHostSettings.model_validate({"published_on": "192.0.2.7"}),
        ),
        "docker-proxy",
    ),
]


@pytest.mark.parametrize(("rule", "weight", "host", "words"), WEAK_HOSTS)
def test_what_is_weak_of_a_host_beside_its_security_is_found_once(
    rule: str, weight: Weight, host: AuditedHost, words: str
) -> None:
    assert_only(list(of_host(host)), rule, weight, words)


@pytest.mark.parametrize(
    ("rule", "weight", "machine", "words"),
    [
        ("secrets", Weight.HIGH, clean_machine(modes={"/state": (0o755, 1000)}), "/state has mode 0755"),
        ("secrets", Weight.HIGH, clean_machine(modes={"/state/x": (0o600, 7)}), "belongs to user 7"),
        ("old keys", Weight.MEDIUM, clean_machine(keys={"keys/lab": NOW - 2 * DAY}), "keys/lab"),
        ("images", Weight.MEDIUM, clean_machine(images={"the guest image": NOW - 31 * DAY}), "31 days"),
    ],
)
def test_what_is_weak_on_this_machine_is_found_once(
    rule: str, weight: Weight, machine: ThisMachine, words: str
) -> None:
    assert_only(list(of_this_machine(machine)), rule, weight, words)


def assert_only(weaknesses: list[Weakness], rule: str, weight: Weight, words: str) -> None:
    """There is this weakness, and no other."""
    assert [(weakness.rule, weakness.weight) for weakness in weaknesses] == [(rule, weight)], weaknesses
    assert words in weaknesses[0].problem
    assert weaknesses[0].next_step


def test_where_nothing_is_weak_nothing_is_found() -> None:
    assert list(of_host(CLEAN)) == []
    assert list(of_this_machine(clean_machine())) == []
    assert list(of_this_machine(clean_machine(keys={"keys/lab": 0.0}, lab_made=None))) == []


def test_each_rule_is_tried_here() -> None:
    tried = {rule for rule, *_ in WEAK_SECURITY} | {rule for rule, *_ in WEAK_HOSTS}
    assert {rule.name for rule in HOST_RULES} == tried


def test_a_host_without_jump_account_and_containers_is_no_weaker() -> None:
    host = replace(CLEAN, jump=JumpObserved(), container=None, containers=())
    security = replace(CLEAN.security, containers={}, first_processes={}, dockerd=(), icc=None)
    security = replace(security, listeners=CLEAN.security.listeners[:4])
    assert list(of_host(replace(host, security=security))) == []
    assert (
        list(of_host(replace(CLEAN, in_sandbox=True, security=replace(CLEAN.security, lists_fetched=None))))
        == []
    )


def test_a_guest_without_an_interface_that_is_known_is_weak() -> None:
    found = list(of_host(clean_host(taps={ALICE: Tap()})))
    assert {weakness.rule for weakness in found} == {"interfaces"}


def test_what_a_host_says_is_made_fit_to_be_shown() -> None:
    (weakness,) = of_host(clean_host(**listening(Listener("tcp", "*", 1, "\x1b[2J\nhv0"))))
    assert weakness.problem.isprintable()
    weakness = not_asked("lab-alice", Weight.LOW, "x\x1b]0;" * 1000)
    assert weakness.problem.isprintable()
    assert len(weakness.problem) < 400


def test_the_worst_comes_first() -> None:
    found = [
        Weakness(machine, "r", weight, "", "") for machine in "ba" for weight in (Weight.LOW, Weight.HIGH)
    ]
    assert [(weakness.weight, weakness.machine) for weakness in in_order(found)] == [
        ("high", "a"),
        ("high", "b"),
        ("low", "a"),
        ("low", "b"),
    ]


def test_the_page_lists_every_rule() -> None:
    page = (PROJECT_ROOT / "docs" / "reference" / "audit.md").read_text()
    listed = re.findall(r"^\| ([A-Za-z ]+) \| (?:host|machine of a student|this machine)", page, re.MULTILINE)
    names = [rule.name for rule in HOST_RULES] + [FROM_INSIDE] + [rule.name for rule in RULES_HERE]
    assert sorted(listed) == sorted(names)
