"""Hosts and machines as an audit sees them: in which nothing is weak."""

from dataclasses import replace
from typing import Any

from minetlab.audit.weaknesses import AuditedHost, ThisMachine
from minetlab.lab import Lab
from minetlab.operations.specs import firewall_spec
from minetlab.plan import allocate
from minetlab.resources import jump
from minetlab.resources.docker import access_folder, container_specs, home_folder, terminals
from minetlab.resources.firewall import FirewallObserved
from minetlab.resources.jump import JumpObserved
from minetlab.resources.layout import Layout
from minetlab.resources.seccomp import PROFILE
from minetlab.resources.security import FileState, Listener, ProcessState, SecurityObserved, Tap
from minetlab.resources.slices import container_slice
from tests.support.places import lab_of

EVERY = "0.0.0.0"  # noqa: S104 (nothing is bound)
NOW, GATEWAY, DOCKER_GATEWAY = 1_800_000_000.0, "10.0.0.1", "10.201.0.1"
KEY = "ssh-ed25519 AAAAKNOWN"
CHAIN = {"inet input": ("type filter hook input priority filter - 5; policy accept;",)}
LAYOUT = Layout("lab")


def lab_of_one_host() -> Lab:
    """Alice and Bob, with a guest and a container each, on one host."""
    lab = lab_of(("alice", "bob"), tps=("processus",))
    (container_host,) = lab.container_hosts
    here: Lab = lab.model_copy(
        update={
            "container_hosts": (container_host.model_copy(update={"name": "hv0"}),),
            "require_kvm": True,
        }
    )
    return here


def inspected(lab: Lab, **changes: Any) -> dict[str, dict[str, Any]]:
    """What Docker says of the containers; in what it says of Alice's, with these options."""
    (host,) = lab.container_hosts
    specs = container_specs("lab", allocate(lab).containers, host.settings, {"processus": ""})
    containers = {}
    for number, spec in enumerate(specs):
        config = {
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges", f"seccomp={PROFILE}"],
            "ReadonlyRootfs": True,
            "CgroupParent": container_slice("lab", spec.name),
            "Memory": spec.memory * 2**20,
            "MemorySwap": spec.memory * 2**20,
            "PidsLimit": spec.pids,
            "NanoCpus": 1_000_000_000,
            "Ulimits": [{"Name": "nofile", "Hard": spec.files}],
        }
        containers[spec.name] = {
            "Name": f"/{spec.name}",
            "HostConfig": config | ({} if number else changes),
            "Mounts": [
                {"Type": "bind", "Source": f"{access_folder('lab')}/{spec.name}"},
                {"Type": "bind", "Source": home_folder("lab", spec.name)},
                {"Type": "bind", "Source": terminals("lab", spec.name)},
            ],
            "Networks": {"lab": {"IPAddress": f"10.201.0.{number + 2}", "Gateway": DOCKER_GATEWAY}},
        }
    return containers


def clean_security(lab: Lab) -> SecurityObserved:
    """What keeps the host's machines apart, as it should be."""
    plan = allocate(lab)
    return SecurityObserved(
        time=NOW,
        listeners=(
            Listener("tcp", EVERY, 22, "sshd"),
            Listener("tcp", GATEWAY, 53, "dnsmasq"),
            Listener("udp", "0.0.0.0%vbr-lab", 67, "dnsmasq"),
            Listener("udp", "192.0.2.7%eth0", 68, "systemd-network"),
            Listener("tcp", "127.0.0.1", 5432, "postgres"),
            *(Listener("tcp", EVERY, place.ssh_port, "docker-proxy") for place in plan.containers),
        ),
        files={
            LAYOUT.folder: FileState(0o711, 0, NOW, "d"),
            LAYOUT.disks: FileState(0o711, 0, NOW, "d"),
            LAYOUT.label: FileState(0o644, 0, NOW),
            LAYOUT.disk("lab-alice.qcow2"): FileState(0o600, 64055, NOW),
            LAYOUT.disk("base-0123456789ab.qcow2"): FileState(0o444, 64055, NOW),
            access_folder("lab"): FileState(0o700, 0, NOW, "d"),
            f"{access_folder('lab')}/lab-alice-processus/host_key": FileState(0o400, 1879068192, NOW),
            "/etc/minet-lab/link": FileState(0o777, 0, NOW, "l"),
        },
        qemu={guest.name: ProcessState(64055, 2, "libvirt-0 (enforce)") for guest in plan.guests},
        taps={
            guest.name: Tap(f"vnet{number}", "clean-traffic", str(guest.address.ip))
            for number, guest in enumerate(plan.guests)
        },
        filtered=frozenset({"vnet0", "vnet1"}),
        isolated={"vnet0": True, "vnet1": True},
        dockerd=("name=apparmor", "name=seccomp,profile=builtin", "name=cgroupns"),
        containers=inspected(lab),
        first_processes={
            place.name: ProcessState(1879068192, 2, "docker-default (enforce)") for place in plan.containers
        },
        icc=False,
        rules=CHAIN,
        rules_of_file=CHAIN,
        sshd={"port": "22", "passwordauthentication": "no"},
        authorized_keys={"/root/.ssh/authorized_keys": ("# ours", "", f"{KEY} me@here")},
        root_by_group={"docker": (), "libvirt": ()},
        lists_fetched=NOW - 3600,
    )


def clean_host(**security: Any) -> AuditedHost:
    """A host in which nothing is weak but what these fields of its security say."""
    lab = lab_of_one_host()
    plan, spec = allocate(lab), firewall_spec(lab, allocate(lab), "hv0")
    return AuditedHost(
        lab=lab,
        alias="hv0",
        security=replace(clean_security(lab), **security),
        firewall=FirewallObserved(spec.files, spec.units, spec.digest),
        planned_firewall=spec,
        jump=JumpObserved(
            label="minet-lab lab",
            home=jump.JUMP_HOME,
            shell=jump.JUMP_SHELL,
            folder=True,
            keys=f'restrict,port-forwarding,permitopen="10.0.0.17:22" {KEY} alice\n',
            settings=jump.settings(lab, penalizes=False),
            limits=jump.limits(lab),
        ),
        guests=plan.guests,
        containers=plan.containers,
        kvm=lab.kvm_host("hv0").settings,
        container=lab.container_host("hv0").settings,
        known_keys=frozenset({KEY.split()[1]}),
    )


def clean_machine(**fields: Any) -> ThisMachine:
    """The machine where the lab is run, in which nothing is weak but what these fields say."""
    machine = ThisMachine(
        user=1000,
        modes={"/state": (0o700, 1000), "/state/labs/lab/keys/lab": (0o600, 1000)},
        keys={"keys/lab": NOW - 600},
        images={"the guest image": NOW - 3600},
        now=NOW,
        lab_made=NOW,
    )
    return replace(machine, **fields)
