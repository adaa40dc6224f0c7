"""The account through which students reach their machines: made by the deploy, and tried by a real ssh."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.exceptions import PyinfraError

from minetlab.handouts.cards import Card
from minetlab.handouts.folder import write_folder
from minetlab.handouts.logins import ReachedHost, logins_of
from minetlab.lab import ContainerHost, ContainerHostSettings, KvmHost, KvmHostSettings, Lab, Student
from minetlab.operations import jump
from minetlab.plan import Plan, allocate
from minetlab.resources.jump import authorized_keys, jump_targets, keys_file, settings_file
from minetlab.secrets import keys
from minetlab.site import content
from tests.support.deployed import ACCOUNT, OPTIONS, Deployed
from tests.support.fake_host import run_operation
from tests.support.private_host import private_host

# As on a slow host: sshd executes itself anew to read its configuration, and listens again only after that.
SLOW_SSHD = """
cp /usr/sbin/sshd /run/sshd/sshd
printf '#!/bin/sh\\n[ "$1" != -D ] || sleep 1\\nexec /run/sshd/sshd "$@"\\n' >/run/sshd/slow
chmod 755 /run/sshd/slow
mount --bind /run/sshd/slow /usr/sbin/sshd
"""


def lab_of(*logins: str, host: str = "@local", network: dict[str, Any] | None = None) -> Lab:
    """A lab whose hosts are this one; containers are reached through it where it is of the sandbox."""
    kvm = KvmHostSettings.model_validate({"guest_network": network} if network else {})
    return Lab(
        name="minet",
        students=tuple(Student(login=login, name=login.title()) for login in logins),
        kvm_hosts=(KvmHost(name=host, settings=kvm),),
        container_hosts=(ContainerHost(name=host, settings=ContainerHostSettings()),),
    )


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return lab_of("alice", "bob")


@pytest.fixture(scope="module")
def plan(lab: Lab) -> Plan:
    return allocate(lab)


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory, lab: Lab, plan: Plan) -> Iterator[Deployed]:
    """A host with the account of two students."""
    with private_host(tmp_path_factory.mktemp("host")) as host:
        deployed = Deployed(host)
        assert deployed.does(jump.account, lab=lab, plan=plan)
        yield deployed


@pytest.fixture(scope="module")
def address(plan: Plan) -> dict[str, str]:
    return {guest.student.login: str(guest.address.ip) for guest in plan.guests}


def test_a_second_deploy_changes_nothing(deployed: Deployed, lab: Lab, plan: Plan) -> None:
    assert not deployed.does(jump.account, lab=lab, plan=plan)


def test_the_host_takes_connections_right_after(tmp_path: Path, lab: Lab, plan: Plan) -> None:
    with private_host(tmp_path) as host:
        deployed = Deployed(host)
        host.prints(SLOW_SSHD)
        deployed.does(jump.account, lab=lab, plan=plan)
        assert deployed.forwards("alice", f"{plan.guests[0].address.ip}:22")
        deployed.does(jump.remove_account, lab="minet")
        assert "Permission denied" in deployed.ssh("alice", "-N", f"{ACCOUNT}@127.0.0.1").stderr


def test_everybody_reaches_their_own_guest(deployed: Deployed, address: dict[str, str]) -> None:
    for login in ("alice", "bob"):
        assert deployed.forwards(login, f"{address[login]}:22")


def test_the_login_that_the_site_shows_works(deployed: Deployed, tmp_path: Path) -> None:
    """With the student's folder where the page says, and nothing asked."""
    lab = lab_of("alice", "bob", host="127.0.0.1")
    plan = allocate(lab)
    shown = content.pages(lab, plan, ())["moi-alice.md"]
    (command,) = re.findall("<code>(ssh -F [^<]* minet-alice)<", unescape(shown))
    scanned = deployed.host.prints("ssh-keyscan 127.0.0.1 2>/dev/null").splitlines()
    host_keys = tuple(line.partition(" ")[2] for line in scanned)
    hosts = {"127.0.0.1": ReachedHost("host", "127.0.0.1", 22, host_keys)}
    (alice, _) = lab.students
    write_folder(tmp_path / "alice", Card("minet", alice, logins_of(lab, plan, alice, hosts)))
    deployed.host.add_account("alice", keys.student_key("minet", "alice").public)
    deployed.host.prints(f"rm -rf ~/minet && cp -r {tmp_path}/alice ~/minet")
    # The guest is the host itself here, so its key is the host's.
    machine = f"minet-alice {host_keys[0]}"
    deployed.host.prints(f"echo '{machine}' >>~/minet/known_hosts")
    assert deployed.host.prints(f"{command} id --user --name") == "alice\n"


IDLE = """
import socket, sys, time
opened = [socket.create_connection(("127.0.0.1", 22), source_address=("127.0.0.9", 0)) for _ in range(200)]
print("open", flush=True)
time.sleep(300)
"""


def test_connections_that_one_address_keeps_open_shut_nobody_out(
    deployed: Deployed, address: dict[str, str]
) -> None:
    """sshd has ten for those who have not logged in, unless it is told otherwise."""
    with subprocess.Popen(
        [deployed.host.shell, "-c", f"exec python3 -c '{IDLE}'"], stdout=subprocess.PIPE
    ) as idle:
        assert idle.stdout
        assert idle.stdout.readline() == b"open\n"
        try:
            assert all(deployed.forwards("alice", f"{address['alice']}:22") for _ in range(10))
        finally:
            idle.kill()


@pytest.mark.parametrize("port", [22, 80])
def test_nobody_reaches_anything_else(deployed: Deployed, address: dict[str, str], port: int) -> None:
    for target in (address["bob"], "127.0.0.1", "localhost", "10.77.0.1", "[::1]"):
        assert not deployed.forwards("alice", f"{target}:{port}")
    assert not deployed.forwards("alice", f"{address['alice']}:80")
    assert not deployed.forwards("bob", f"{address['alice']}:22")


def test_the_connections_of_an_old_key_end_and_nobody_elses(
    deployed: Deployed, lab: Lab, plan: Plan, address: dict[str, str]
) -> None:
    """Also one that leads nowhere just now, as it could lead to her machines again."""
    host = deployed.host
    alices, bobs = (
        ["ssh", *OPTIONS, "-i", str(keys.student_key("minet", login).private), f"{ACCOUNT}@127.0.0.1"]
        for login in ("alice", "bob")
    )
    idle = [*alices, "-o", "ExitOnForwardFailure=yes", "-L", "2201:10.77.0.1:22", "-N"]
    with (
        host.session(*alices, "-W", f"{address['alice']}:22") as hers,
        host.session(*bobs, "-W", f"{address['bob']}:22") as his,
        subprocess.Popen([str(host.shell), "-c", f"exec {shlex.join(idle)}"]) as unused,
    ):
        host.prints(
            "timeout 30 sh -c 'until ss --no-header -tln sport = 2201 | grep -q .; do sleep 0.1; done'"
        )
        nobodys = plan.of_students({"carol"})
        assert not deployed.does(jump.end_sessions, lab=lab, plan=plan, ended=nobodys)
        assert unused.poll() is None
        assert deployed.does(jump.end_sessions, lab=lab, plan=plan, ended=plan.of_students({"alice"}))
        hers.wait(30)
        unused.wait(30)
        assert his.poll() is None
        assert len(host.prints(f"pgrep --euid {ACCOUNT}").split()) == 1
        assert deployed.does(jump.end_sessions, lab=lab, plan=plan, ended=plan)
        his.wait(30)
    assert deployed.forwards("alice", f"{address['alice']}:22")


def test_a_key_of_somebody_else_opens_nothing(deployed: Deployed, address: dict[str, str]) -> None:
    assert not deployed.forwards("carol", f"{address['alice']}:22")
    assert "Permission denied" in deployed.ssh("carol", "-N", f"{ACCOUNT}@127.0.0.1").stderr


@pytest.mark.parametrize(
    "words",
    [
        (f"{ACCOUNT}@127.0.0.1",),
        ("-tt", f"{ACCOUNT}@127.0.0.1"),
        (f"{ACCOUNT}@127.0.0.1", "id"),
        ("-s", f"{ACCOUNT}@127.0.0.1", "sftp"),
        ("-A", f"{ACCOUNT}@127.0.0.1", "id"),
        ("-X", f"{ACCOUNT}@127.0.0.1", "id"),
    ],
    ids=["shell", "terminal", "command", "sftp", "agent", "x11"],
)
def test_no_session_is_opened(deployed: Deployed, words: tuple[str, ...]) -> None:
    result = deployed.ssh("alice", *words)
    assert result.returncode == 255, result.stdout
    assert "open failed" in result.stderr or "closed" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    "forward",
    [("-R", "127.0.0.1:2022:127.0.0.1:22"), ("-R", "2022"), ("-R", "/run/minet:127.0.0.1:22"), ("-w", "0:0")],
    ids=["port", "socks", "socket", "tunnel"],
)
def test_nothing_is_forwarded_back(deployed: Deployed, forward: tuple[str, str]) -> None:
    result = deployed.ssh("alice", "-N", "-o", "ExitOnForwardFailure=yes", *forward, f"{ACCOUNT}@127.0.0.1")
    assert result.returncode == 255
    assert "listen" in result.stderr.lower() or "tun" in result.stderr.lower()


def test_sockets_of_the_host_are_out_of_reach(deployed: Deployed) -> None:
    """As libvirt's, which everybody on the host may connect to."""
    socket = "perl -MIO::Socket::UNIX -e"
    deployed.host.prints(
        f'{socket} \'$s = IO::Socket::UNIX->new(Local => "/run/open", Listen => 1); chmod 0666, "/run/open";'
        'alarm 120; while ($c = $s->accept) { print $c "reached\n"; close $c }\' >/dev/null 2>&1 &'
    )
    key = keys.student_key("minet", "alice").private
    read = f"{socket} 'print IO::Socket::UNIX->new(Peer => $ARGV[0])->getline'"
    ssh = f"ssh {' '.join(OPTIONS)} -i {key} -N -L /run/local:/run/open {ACCOUNT}@127.0.0.1"
    listen = "for _ in $(seq 300); do [ ! -S /run/open ] || [ ! -S /run/local ] || break; sleep 0.1; done"
    result = deployed.host.run(
        "sh", "-c", f"{ssh} & {listen}; {read} /run/open; {read} /run/local; kill $!; wait"
    )
    assert result.stdout == "reached\n"
    assert "open failed" in result.stderr


def test_a_password_opens_nothing(deployed: Deployed) -> None:
    result = deployed.host.run(
        *("ssh", *OPTIONS, "-o", "PubkeyAuthentication=no", "-v", f"{ACCOUNT}@127.0.0.1", "id")
    )
    assert "Permission denied (publickey)" in result.stderr
    assert deployed.host.prints(f"getent shadow {ACCOUNT}").split(":")[1] == "*"


def test_the_keys_are_roots(deployed: Deployed) -> None:
    path = keys_file("minet")
    assert deployed.host.prints(f"stat -c '%U %a' {path}") == "root 644\n"
    parents = deployed.host.prints(f"stat -c '%U %a' {path.rpartition('/')[0]} /etc/ssh/minet-lab")
    assert parents == "root 755\nroot 755\n"


def test_who_is_removed_gets_through_no_more(
    deployed: Deployed, lab: Lab, plan: Plan, address: dict[str, str]
) -> None:
    assert deployed.does(jump.keys, lab=lab, plan=plan.of_students({"bob"}))
    assert not deployed.does(jump.keys, lab=lab, plan=plan.of_students({"bob"}))
    assert not deployed.forwards("alice", f"{address['alice']}:22")
    assert deployed.forwards("bob", f"{address['bob']}:22")
    assert deployed.does(jump.account, lab=lab, plan=plan)
    assert deployed.forwards("alice", f"{address['alice']}:22")


def test_what_somebody_has_changed_is_put_right(
    deployed: Deployed, lab: Lab, plan: Plan, address: dict[str, str]
) -> None:
    spoilt = (
        f"echo >>{keys_file('minet')}",
        f"sed -i s/local/yes/ {settings_file('minet')}",
        f"usermod --shell /bin/sh {ACCOUNT}",
        f"touch -d '1 hour' {settings_file('minet')}",
    )
    for script in spoilt:
        deployed.host.prints(script)
        assert deployed.does(jump.account, lab=lab, plan=plan), script
        deployed.host.prints(f"touch -d '1 hour ago' {settings_file('minet')}")
        assert not deployed.does(jump.account, lab=lab, plan=plan), script
    assert deployed.forwards("alice", f"{address['alice']}:22")


def test_teardown_leaves_what_was_there_before_connections_or_not(
    tmp_path: Path, lab: Lab, plan: Plan, address: dict[str, str]
) -> None:
    with private_host(tmp_path) as host:
        deployed = Deployed(host)
        before = deployed.state()
        deployed.does(jump.account, lab=lab, plan=plan)
        assert deployed.state() != before
        key = keys.student_key("minet", "alice").private
        host.prints(
            f"ssh {' '.join(OPTIONS)} -i {key} -f -N -L 2222:{address['alice']}:22 {ACCOUNT}@127.0.0.1"
            " >/dev/null 2>&1; timeout 10 sh -c 'until pgrep -u minet-jump; do sleep 0.1; done'"
        )
        assert deployed.does(jump.remove_account, lab="minet")
        assert deployed.state() == before
        assert not deployed.does(jump.remove_account, lab="minet")


def test_the_last_to_be_removed_takes_the_account_along(tmp_path: Path, lab: Lab, plan: Plan) -> None:
    with private_host(tmp_path) as host:
        deployed = Deployed(host)
        before = deployed.state()
        deployed.does(jump.account, lab=lab, plan=plan)
        assert deployed.does(jump.keys, lab=lab, plan=plan.of_students(set()))
        assert deployed.state() == before


def test_an_account_of_somebody_else_is_left_alone(tmp_path: Path, lab: Lab, plan: Plan) -> None:
    with private_host(tmp_path) as host:
        deployed = Deployed(host)
        host.prints(f"useradd --comment 'Mine' {ACCOUNT}")
        before = deployed.state()
        with pytest.raises(PyinfraError):
            deployed.does(jump.account, lab=lab, plan=plan)
        assert not deployed.does(jump.remove_account, lab="minet")
        assert deployed.state() == before


@pytest.mark.parametrize(
    "spoil",
    ["echo Nonsense yes >>/etc/ssh/sshd_config", "sed -i /Include/d /etc/ssh/sshd_config"],
    ids=["broken", "without-drop-ins"],
)
def test_an_sshd_that_does_not_heed_it_is_left_as_it_was(
    tmp_path: Path, lab: Lab, plan: Plan, spoil: str
) -> None:
    with private_host(tmp_path) as host:
        deployed = Deployed(host)
        host.prints(spoil)
        with pytest.raises(PyinfraError):
            deployed.does(jump.account, lab=lab, plan=plan)
        assert host.prints("ls /etc/ssh/sshd_config.d; test -e /run/systemctl || echo not reloaded") == (
            "not reloaded\n"
        )


def test_a_bridge_needs_no_account_and_a_change_to_one_removes_it(
    tmp_path: Path, lab: Lab, plan: Plan
) -> None:
    bridge = {
        "mode": "bridge",
        "subnet": "10.0.0.0/24",
        "bridge": "br0",
        "gateway": "10.0.0.1",
        "nameservers": ["10.0.0.1"],
    }
    bridged = lab_of("alice", "bob", network=bridge)
    assert jump_targets(bridged, allocate(bridged), "@local") == {}
    with private_host(tmp_path) as host:
        deployed = Deployed(host)
        assert not deployed.does(jump.account, lab=bridged, plan=allocate(bridged))
        before = deployed.state()
        deployed.does(jump.account, lab=lab, plan=plan)
        assert deployed.does(jump.account, lab=bridged, plan=allocate(bridged))
        assert deployed.state() == before


def test_in_the_sandbox_it_leads_to_the_containers_as_well() -> None:
    lab = lab_of("alice", host="@sandbox/hv1")
    plan = allocate(lab)
    (guest,), (container,) = plan.guests, plan.containers
    assert jump_targets(lab, plan, "@sandbox/hv1") == {
        "alice": (f"{guest.address.ip}:22", f"127.0.0.1:{container.ssh_port}")
    }
    assert jump_targets(lab, plan, "@sandbox/other") == {}


def test_a_key_of_two_students_leads_to_what_both_have() -> None:
    key = "ssh-ed25519 AAAA"
    lines = authorized_keys({"bob": ("b:22",), "alice": ("a:22",)}, {"bob": (f"{key} x",), "alice": (key,)})
    assert lines == (f'restrict,port-forwarding,permitopen="a:22",permitopen="b:22" {key} alice,bob\n')


@pytest.mark.parametrize("students", [1, 40])
def test_the_number_of_commands_does_not_grow_with_students(students: int) -> None:
    many = lab_of(*(f"s{number}" for number in range(students)), host="@fake/ct1")
    run = run_operation(jump.account, {}, lab=many, plan=allocate(many))
    assert len(run.commands) == 4
