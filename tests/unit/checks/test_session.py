"""The machines of a lab as a verification knows them, and what is asked of them at once."""

from pathlib import Path

import pytest

from minetlab.checks import machines as kinds
from minetlab.checks.jump import jump_settings
from minetlab.checks.machines import ContainerHostMachine, GuestMachine, KvmMachine
from minetlab.checks.modules import Kernel, Libvirt
from minetlab.checks.session import Session
from minetlab.checks.site import ServedSite
from minetlab.secrets import keys
from minetlab.secrets.certificates import site_certificate
from minetlab.ssh.backend import STUDENTS_MAX_NOTED
from minetlab.util.process import MAX_OUTPUT
from tests.support.recorded import ALICE, CONTAINER, CT1, HV1, TP_IMAGES, TPS
from tests.support.verified import Machines

BOB = "minet-bob"


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machines:
    return Machines(tmp_path, monkeypatch)


@pytest.fixture
def session(machines: Machines) -> Session:
    return machines.session()


def test_each_kind_has_its_machines(session: Session) -> None:
    assert {kind: session.targets(kind) for kind in ("kvm_host", "container_host", "site_host", "guest")} == {
        "kvm_host": (HV1,),
        "container_host": (CT1,),
        "site_host": (CT1,),
        "guest": (ALICE, BOB),
    }
    assert set(session.targets("jump_host")) >= {HV1}
    assert CONTAINER in session.targets("container")
    for kind in ("kvm_host", "container_host", "site_host", "jump_host", "guest", "container"):
        for name in session.targets(kind):
            assert session.machine(kind, name).name == name


def test_a_student_has_a_guest_and_containers(session: Session) -> None:
    of_alice = {name for name in session.targets("container") if name.startswith("minet-alice-")}
    assert {machine.name for machine in session.plan.of_students(["alice"]).machines} == {ALICE, *of_alice}
    assert session.plan.of_students(["eve"]).machines == ()


def test_a_sheet_is_done_in_its_container_or_in_each_guest(session: Session) -> None:
    assert ("minet-bob-isa", "isa") in session.sheets("container")
    assert len(session.sheets("container")) == 2 * len(TP_IMAGES)
    assert session.sheets("guest") == tuple((guest, tp) for guest in (ALICE, BOB) for tp in TPS)


def test_a_guest_is_seen_from_inside_or_over_its_host(session: Session) -> None:
    assert session.connection_of(ALICE, inside=True) == ALICE
    assert session.connection_of(ALICE, inside=False) == HV1
    assert session.connection_of(CONTAINER, inside=False) == CONTAINER
    assert session.containers[CONTAINER].host_machine.name == CT1


def test_a_machine_is_made_once(session: Session) -> None:
    assert session.guests[ALICE].host_machine is session.kvm_hosts[HV1]
    assert session.containers[CONTAINER].host_machine is session.container_hosts[CT1]
    assert session.jump_hosts is session.jump_hosts
    assert session.guests is session.guests
    assert session.containers is session.containers
    assert session.site is session.site
    assert session.ssh_config is session.ssh_config
    assert session.ssh_config.is_file()


def test_machines_are_as_planned(session: Session) -> None:
    host, guest = session.kvm_hosts[HV1], session.guests[ALICE]
    assert (host.lab, [each.name for each in host.guests], host.require_kvm) == ("minet", [ALICE, BOB], True)
    assert guest.student_key == keys.student_public_key("minet", guest.guest.student)
    assert guest.terminal.shell == ("runuser", "--login", "alice", "--command")
    assert session.container_hosts[CT1].site == ServedSite(
        "minet",
        8080,
        session.site,
        "ct1",
        site_certificate(session.lab, session.lab.site_hosts[0]).anchor.pem,
    )


def test_a_host_without_a_port_for_it_serves_no_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = Machines(tmp_path, monkeypatch, {CT1: "container_hosts"}, site_port=None).session()
    assert session.container_hosts[CT1].site is None
    assert session.targets("site_host") == ()


def test_root_is_asked_in_guests_and_where_the_inventory_says_so(
    machines: Machines, session: Session
) -> None:
    session.fetch([("guest", ALICE), ("container", CONTAINER)])
    asked = [machines.connections[name] for name in (HV1, CT1, ALICE, CONTAINER)]
    assert [connection.with_sudo for connection in asked] == [False, False, True, False]
    assert [connection.max_bytes < MAX_OUTPUT for connection in asked] == [False, False, True, True]
    of_kind = [("kvm_host", HV1), ("container_host", CT1), ("guest", ALICE), ("container", CONTAINER)]
    noted = [session.machine(kind, name).host.backend.max_noted for kind, name in of_kind]
    assert noted == [None, None, STUDENTS_MAX_NOTED, STUDENTS_MAX_NOTED]


def test_hosts_are_asked_as_root_where_the_inventory_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machines = Machines(tmp_path, monkeypatch, _sudo=True)
    machines.session().fetch([("kvm_host", HV1)])
    assert machines.connections[HV1].with_sudo


def test_a_silent_machine_has_a_next_step_for_its_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machines = Machines(tmp_path, monkeypatch, {HV1: "kvm_hosts", "@sandbox/ct1": "container_hosts"})
    session = machines.session()
    assert len(session.guests) + len(session.containers) == 2 + 2 * len(TP_IMAGES)
    steps = {name: connection.next_step for name, connection in machines.connections.items()}
    assert steps[HV1] == f"try it by hand: ssh -F {session.ssh_config} hv1"
    assert (
        steps[CT1] == "see whether it runs: lab sandbox ls; if not, bring the lab up: lab up (@sandbox/ct1)"
    )
    assert steps[ALICE].endswith(f"ssh -t -F {session.ssh_config} hv1 virsh console minet-alice")
    assert steps[CONTAINER].endswith(f"ssh -F {session.ssh_config} ct1 docker logs {CONTAINER}")


def test_what_checks_need_is_asked_of_machines_and_of_their_hosts(
    machines: Machines, session: Session
) -> None:
    session.fetch([("guest", ALICE), ("container", CONTAINER), ("jump_host", HV1), ("guest", ALICE)])
    asked = {name: "\n".join(connection.asked) for name, connection in machines.connections.items()}
    assert Libvirt.VERSION in asked[HV1]
    assert jump_settings("minet") in asked[HV1]
    assert "docker info --format" in asked[CT1]
    assert Kernel.BOOT_ID in asked[ALICE]
    assert "/usr/sbin/sshd -T -f" in asked[CONTAINER]
    assert asked[BOB] == ""
    assert len(machines.connections[ALICE].asked) == len([*kinds.guest_batches("alice")])


def test_nothing_is_asked_where_nothing_is_wanted(machines: Machines, session: Session) -> None:
    session.fetch([])
    assert machines.connections == {}


def test_guests_behind_a_host_that_does_not_answer_are_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machines = Machines(tmp_path, monkeypatch, guests_run=False)
    del machines.answers[HV1]
    machines.session().fetch([("guest", ALICE)])
    assert machines.connections[HV1].asked
    assert machines.connections[ALICE].asked == []


def test_a_guest_that_is_off_on_purpose_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machines = Machines(tmp_path, monkeypatch, guests_run=False)
    machines.answers[HV1][Libvirt.OFF] = ALICE
    session = machines.session()
    session.fetch([("guest", ALICE), ("guest", BOB)])
    assert machines.connections[ALICE].asked == []
    assert machines.connections[BOB].asked
    assert isinstance(session.machine("guest", ALICE), GuestMachine)
    assert isinstance(session.machine("kvm_host", HV1), KvmMachine)
    assert isinstance(session.machine("site_host", CT1), ContainerHostMachine)
