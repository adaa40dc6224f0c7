"""The way through a host: who is led where, and by which line of its file of keys."""

from ipaddress import IPv4Address, IPv4Network

import pytest

from minetlab.lab import BridgedNetwork, ContainerHost, ContainerHostSettings, KvmHost, KvmHostSettings, Lab
from minetlab.plan import allocate
from minetlab.resources.jump import (
    JumpObserved,
    authorized_keys,
    containers_need_jump,
    guests_need_jump,
    jump_account,
    jump_targets,
    keys_file,
    label,
    settings,
    settings_file,
)
from tests.support.places import lab_of

BRIDGED = KvmHostSettings(
    guest_network=BridgedNetwork(
        mode="bridge",
        bridge="br0",
        subnet=IPv4Network("192.0.2.0/24"),
        gateway=IPv4Address("192.0.2.1"),
        nameservers=(IPv4Address("192.0.2.1"),),
    )
)


@pytest.mark.parametrize(
    ("name", "network", "guests", "containers"),
    [
        ("h", KvmHostSettings(), True, False),
        ("h", BRIDGED, False, False),
        ("@sandbox/h", KvmHostSettings(), True, True),
        ("@sandbox/h", BRIDGED, True, True),
    ],
)
def test_machines_that_this_network_does_not_show_are_behind_a_jump(
    name: str, network: KvmHostSettings, guests: bool, containers: bool
) -> None:
    assert guests_need_jump(KvmHost(name=name, settings=network)) == guests
    container_host = ContainerHost(name=name, settings=ContainerHostSettings())
    assert containers_need_jump(container_host) == containers


def test_each_student_is_led_to_their_own_machines_on_that_host() -> None:
    lab = lab_of(["alice", "bob"], prefix="@sandbox/")
    plan = allocate(lab)
    addresses = {guest.student.login: guest.address.ip for guest in plan.guests}
    assert jump_targets(lab, plan, "@sandbox/hv0") == {
        login: (f"{addresses[login]}:22",) for login in ("alice", "bob")
    }
    ports = {
        name: [each.ssh_port for each in plan.containers if each.student.login == name] for name in addresses
    }
    assert jump_targets(lab, plan, "@sandbox/ct0") == {
        login: tuple(f"127.0.0.1:{port}" for port in ports[login]) for login in ("alice", "bob")
    }
    assert len(ports["alice"]) == 2
    assert jump_targets(lab, plan, "@sandbox/hv1") == {}


def test_a_host_of_both_kinds_leads_to_the_guest_first() -> None:
    lab = lab_of(["alice"], prefix="@sandbox/", tps=("isa",))
    hosts = {
        "kvm_hosts": (lab.kvm_hosts[0].model_copy(update={"name": "@sandbox/h"}),),
        "container_hosts": (lab.container_hosts[0].model_copy(update={"name": "@sandbox/h"}),),
    }
    lab = lab.model_copy(update=hosts)
    plan = allocate(lab)
    (guest,), (container,) = plan.guests, plan.containers
    assert jump_targets(lab, plan, "@sandbox/h") == {
        "alice": (f"{guest.address.ip}:22", f"127.0.0.1:{container.ssh_port}")
    }


def test_containers_of_a_real_host_are_reached_directly() -> None:
    lab = lab_of(["alice"])
    assert jump_targets(lab, allocate(lab), "ct0") == {}


def test_a_key_opens_the_way_to_its_owners_machines_and_nothing_else() -> None:
    targets = {"bob": ["10.0.0.2:22"], "alice": ["10.0.0.1:22", "127.0.0.1:20001"]}
    keys = {"alice": ["ssh-ed25519 A alice@home"], "bob": ["ssh-ed25519 B", "ssh-rsa C bob"], "eve": ["x y"]}
    assert authorized_keys(targets, keys).splitlines() == [
        'restrict,port-forwarding,permitopen="10.0.0.1:22",permitopen="127.0.0.1:20001" ssh-ed25519 A alice',
        'restrict,port-forwarding,permitopen="10.0.0.2:22" ssh-ed25519 B bob',
        'restrict,port-forwarding,permitopen="10.0.0.2:22" ssh-rsa C bob',
    ]
    assert authorized_keys({}, keys) == ""


def test_a_key_that_two_students_share_has_one_line_with_the_machines_of_both() -> None:
    keys = {"alice": ["ssh-ed25519 A alice"], "bob": ["ssh-ed25519 A bob"]}
    assert authorized_keys({"alice": ["a:22"], "bob": ["b:22"]}, keys) == (
        'restrict,port-forwarding,permitopen="a:22",permitopen="b:22" ssh-ed25519 A alice,bob\n'
    )


def test_sshd_is_told_of_the_labs_own_account_and_keys() -> None:
    assert jump_account("minet") == "minet-jump"
    written = settings(named("minet"), penalizes=True)
    assert "Match User minet-jump\n" in written
    assert f"AuthorizedKeysFile {keys_file('minet')}\n" in written
    for name in (jump_account, label, keys_file, settings_file):
        assert name("minet") != name("other")
    assert written != settings(named("other"), penalizes=True)


def named(name: str, *networks: str) -> Lab:
    """A lab with this name, whose students come from these networks."""
    lab: Lab = lab_of(("alice",)).model_copy(
        update={"name": name, "student_networks": tuple(map(IPv4Network, networks))}
    )
    return lab


def test_whoever_fails_to_log_in_shuts_out_nobody_behind_the_same_address() -> None:
    """OpenSSH refuses them from 9.8 on; before, it does not know the setting, and does not start."""
    networks = "10.0.0.0/8,100.64.0.0/10,172.16.0.0/12,192.168.0.0/16,192.0.2.0/24"
    written = settings(named("minet", "192.0.2.0/24"), penalizes=True)
    assert f"\nPerSourcePenaltyExemptList {networks}\n" in written
    assert "\nPerSourcePenalty" not in settings(named("minet", "192.0.2.0/24"), penalizes=False)


def test_a_host_that_was_not_looked_at_has_no_account() -> None:
    nothing = JumpObserved()
    assert (nothing.label, nothing.folder, nothing.stale) == (None, False, False)
