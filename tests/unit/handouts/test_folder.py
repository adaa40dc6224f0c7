"""A student's folder: they log in with it, by the real ssh, and it holds nothing that is somebody else's."""

import os
import re
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from minetlab.handouts.cards import Card
from minetlab.handouts.folder import write_folder
from minetlab.handouts.logins import Login, ReachedHost, logins_of, reached_hosts
from minetlab.handouts.words import Language
from minetlab.inventory.hosts import InventoryHost
from minetlab.inventory.load import LoadedLab
from minetlab.lab import (
    BridgedNetwork,
    ContainerHost,
    ContainerHostSettings,
    KvmHost,
    KvmHostSettings,
    Lab,
    Student,
)
from minetlab.plan import allocate
from minetlab.resources.jump import jump_account
from minetlab.secrets.keys import container_host_key, guest_host_key, key_pair, lab_key, student_key
from minetlab.ssh import ssh_config
from minetlab.util.errors import LabError
from tests.support.ssh_client import as_ssh_reads
from tests.support.ssh_server import SshServer
from tests.support.student_cards import ANCHOR

ALICE = Student(login="alice", name="Alice Exemple")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGbhDPmyMKG9QmiHzaFcq9fHBPYUJnTuIHFnmAwRIWRa bob@home"
BOB = Student(login="bob", name="Bob", ssh_key=KEY)
PASSWORD = "abcd-efgh"  # noqa: S105 (nobody's)
BRIDGED = {
    "mode": "bridge",
    "bridge": "br0",
    "subnet": "192.0.2.0/24",
    "gateway": "192.0.2.1",
    "nameservers": ["192.0.2.1"],
}


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "a state"
    monkeypatch.setenv("MINETLAB_STATE", str(folder))
    return folder


def lab_of(
    ports: tuple[int, int] = (20000, 29999), kvm: str = "hv1", docker: str = "ct1", **settings: object
) -> Lab:
    containers = {"ssh_ports": {"first": ports[0], "last": ports[1]}}
    return Lab(
        name="minet",
        students=(ALICE, BOB),
        kvm_hosts=(KvmHost(name=kvm, settings=KvmHostSettings.model_validate(settings)),),
        container_hosts=(
            ContainerHost(name=docker, settings=ContainerHostSettings.model_validate(containers)),
        ),
    )


def logins(lab: Lab, student: Student = ALICE, **data: object) -> tuple[Login, ...]:
    """A student's logins; the key of each host is pinned, if the host data name no file where it is."""
    pinned = Path(os.environ["MINETLAB_STATE"]).with_name("pinned")
    pinned.write_text(f"* {key_pair(pinned.with_name('of-the-host'), 'hv1').public}\n")
    data = {"ssh_known_hosts_file": str(pinned), **data}
    hosts = [
        InventoryHost(lab.kvm_hosts[0].name, ("kvm_hosts",), data),
        InventoryHost(lab.container_hosts[0].name, ("container_hosts",), data),
    ]
    plan = allocate(lab)
    found = reached_hosts(ssh_config.write_config(LoadedLab(tuple(hosts), lab, plan)), hosts)
    return logins_of(lab, plan, student, found)


def written(folder: Path, lab: Lab, student: Student = ALICE, **data: object) -> Path:
    write_folder(folder, Card(lab.name, student, logins(lab, student, **data)))
    return folder


def ssh(folder: Path, machine: str) -> subprocess.CompletedProcess[str]:
    command = ["ssh", "-F", str(folder / "ssh_config"), machine, "whoami"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[dict[str, SshServer]]:
    """Alice's guest, its host, and Alice's container, each with the key that the lab gave it."""
    key = student_key("minet", "alice").public
    guest = SshServer("alice", str(guest_host_key("minet", "minet-alice").private), key)
    container_key = container_host_key("minet", "minet-alice-processus")
    container = SshServer("etudiant", str(container_key.private), key)
    address = str(next(each for each in allocate(lab_of()).guests if each.student == ALICE).address.ip)
    host_key = key_pair(tmp_path / "of-the-host", "hv1")
    host = SshServer(
        jump_account("minet"),
        str(host_key.private),
        key,
        leads_to={(address, 22): ("127.0.0.1", guest.port)},
    )
    running = {"guest": guest, "container": container, "host": host}
    yield running
    for server in running.values():
        server.close()


def class_of_one(servers: dict[str, SshServer]) -> Lab:
    port = servers["container"].port
    lab = lab_of((port, port))
    return lab.model_copy(update={"students": (ALICE,)})


def test_a_student_logs_into_their_guest_through_its_host_and_into_their_container(
    tmp_path: Path, servers: dict[str, SshServer]
) -> None:
    folder = written(
        tmp_path / "alice",
        class_of_one(servers),
        ssh_hostname="127.0.0.1",
        ssh_port=servers["host"].port,
    )
    assert ssh(folder, "minet-alice").stdout == "alice\n"
    assert len(servers["host"].asked_for) == 1
    assert ssh(folder, "minet-alice-processus").stdout == "etudiant\n"
    assert len(servers["host"].asked_for) == 1


@pytest.mark.parametrize(
    ("machine", "server"), [("minet-alice", "guest"), ("minet-alice-processus", "container")]
)
def test_a_machine_with_another_key_is_not_believed(
    tmp_path: Path, servers: dict[str, SshServer], machine: str, server: str
) -> None:
    folder = written(
        tmp_path / "alice", class_of_one(servers), ssh_hostname="127.0.0.1", ssh_port=servers["host"].port
    )
    servers[server].host_key = str(guest_host_key("minet", "minet-mallory").private)
    result = ssh(folder, machine)
    assert result.returncode == 255
    assert "Host key verification failed" in result.stderr


def test_without_the_jump_account_nobody_gets_through(tmp_path: Path, servers: dict[str, SshServer]) -> None:
    folder = written(
        tmp_path / "alice", class_of_one(servers), ssh_hostname="127.0.0.1", ssh_port=servers["host"].port
    )
    servers["host"].user = "root"
    assert ssh(folder, "minet-alice").returncode == 255
    assert ssh(folder, "minet-alice-processus").returncode == 0


def test_the_folder_and_what_is_in_it_are_its_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "alice"
    folder.mkdir(mode=0o755)
    (folder / "id_ed25519").write_text("old")
    written(folder, lab_of())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
    assert modes == dict.fromkeys(("ssh_config", "known_hosts", "README.txt", "id_ed25519"), 0o600)


def test_it_holds_the_students_key_and_no_other(tmp_path: Path) -> None:
    lab = lab_of()
    mine = written(tmp_path / "alice", lab)
    assert (mine / "id_ed25519").read_text() == student_key("minet", "alice").private.read_text()
    everything = "".join(file.read_text() for file in mine.iterdir())
    others = [lab_key("minet"), guest_host_key("minet", "minet-alice"), guest_host_key("minet", "minet-bob")]
    for pair in others:
        assert pair.private.read_text() not in everything
        assert str(pair.private) not in everything
    assert "bob" not in everything
    assert {line.split()[0] for line in (mine / "known_hosts").read_text().splitlines()} == {
        "minet-alice",
        "minet-alice-processus",
        "minet-jump-hv1",
    }


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_sites_password_is_in_it_where_the_lab_serves_one(tmp_path: Path, language: Language) -> None:
    lab = lab_of()
    for site_url in ("https://ct1:8080/", None):
        card = Card("minet", ALICE, logins(lab), site_url, PASSWORD, ANCHOR, language)
        write_folder(tmp_path / "alice", card)
        text = (tmp_path / "alice" / "README.txt").read_text()
        assert re.search(rf"login +alice\n.*{PASSWORD}", text)
        assert ("(https://ct1:8080/)" in text) == bool(site_url)
    write_folder(tmp_path / "alice", Card("minet", ALICE, logins(lab), language=language))
    assert "Mes machines" not in (tmp_path / "alice" / "README.txt").read_text()


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_labs_ca_is_in_it_where_the_site_is_known_by_that(tmp_path: Path, language: Language) -> None:
    folder = tmp_path / "alice"
    card = Card("minet", ALICE, logins(lab_of()), "https://ct1:8080/", PASSWORD, ANCHOR, language)
    write_folder(folder, card)
    text = (folder / "README.txt").read_text()
    assert (folder / "minet-ca.crt").read_text() == ANCHOR.pem
    assert "minet-ca.crt" in text
    assert ANCHOR.fingerprint in re.sub(r"\n +", ":", text)
    named = replace(card, anchor=replace(ANCHOR, by_lab=False))
    write_folder(folder, named)
    text = (folder / "README.txt").read_text()
    assert not (folder / "minet-ca.crt").exists()
    assert "minet-ca.crt" not in text
    assert ANCHOR.fingerprint in re.sub(r"\n +", ":", text)
    write_folder(folder, replace(card, anchor=None))
    assert "SHA-256" not in (folder / "README.txt").read_text()


def test_who_brought_a_key_is_handed_none_also_where_one_was_before(tmp_path: Path) -> None:
    folder = written(tmp_path / "bob", lab_of(), BOB)
    assert not (folder / "id_ed25519").exists()
    (folder / "id_ed25519").write_text("of a run before")
    written(folder, lab_of(), BOB)
    assert not (folder / "id_ed25519").exists()
    seen = as_ssh_reads(folder / "ssh_config", "minet-bob")
    assert seen["identitiesonly"] == "no"
    assert "clé SSH ouvre ces machines" in (folder / "README.txt").read_text()


def test_it_works_where_it_is_and_where_students_are_told_to_put_it(tmp_path: Path) -> None:
    folder = written(tmp_path / "alice", lab_of())
    command = ["ssh", "-G", "-F", str(folder / "ssh_config"), "minet-alice"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    keys = [line.partition(" ")[2] for line in said if line.startswith("identityfile ")]
    assert keys == ["~/minet/id_ed25519", str(folder / "id_ed25519")]
    (known,) = [line for line in said if line.startswith("userknownhostsfile ")]
    assert "/minet/known_hosts" in known
    assert str(folder / "known_hosts") in known
    # ssh would offer every key of an agent first, and sshd counts: MaxAuthTries in sshd_config(5).
    assert "identitiesonly yes" in said
    assert "cp -r alice ~/minet" in (folder / "README.txt").read_text()


def test_a_configuration_that_includes_it_is_left_alone(tmp_path: Path) -> None:
    folder = written(tmp_path / "alice", lab_of())
    own = tmp_path / "config"
    own.write_text(f"Include {folder}/ssh_config\nHost *\n    LogLevel FATAL\n")
    seen = as_ssh_reads(own, "elsewhere.example.org")
    assert "minet" not in seen["userknownhostsfile"]
    assert seen["loglevel"] == "FATAL"
    assert "minet" in as_ssh_reads(own, "minet-alice")["userknownhostsfile"]


def test_a_host_is_the_one_that_the_admins_ssh_reaches_and_its_key_the_one_that_it_knows(
    tmp_path: Path,
) -> None:
    host_key = key_pair(tmp_path / "host", "host").public
    known_hosts = tmp_path / "known hosts"
    revoked = f"@revoked [192.0.2.7]:2222 {KEY}"
    known_hosts.write_text(f"{revoked}\n[192.0.2.7]:2222 {host_key}\nelsewhere {KEY}\n")
    hashed = ["ssh-keygen", "-q", "-H", "-f", str(known_hosts)]
    subprocess.run(hashed, check=True, capture_output=True)
    data: dict[str, Any] = {
        "ssh_hostname": "192.0.2.7",
        "ssh_port": 2222,
        "ssh_known_hosts_file": str(known_hosts),
    }
    guest, container = logins(lab_of(), **data)
    assert guest.jump
    assert (guest.jump.host.hostname, guest.jump.host.port) == ("192.0.2.7", 2222)
    assert guest.jump.host.host_keys == (" ".join(host_key.split()[:2]),)
    assert (container.hostname, container.jump) == ("192.0.2.7", None)
    folder = written(tmp_path / "alice", lab_of(), **data)
    seen = as_ssh_reads(folder / "ssh_config", "minet-jump-hv1")
    assert (seen["user"], seen["port"]) == ("minet-jump", "2222")
    assert seen["stricthostkeychecking"] == "true"
    assert host_key.split()[1] in (folder / "known_hosts").read_text()


def test_a_jump_host_whose_key_is_not_pinned_is_handed_to_nobody(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"hv1: its SSH host key is not pinned.*\n.*lab check --pin"):
        logins(lab_of(), ssh_known_hosts_file=str(tmp_path / "nothing pinned"))


def test_a_jump_host_with_another_key_is_not_believed(tmp_path: Path, servers: dict[str, SshServer]) -> None:
    folder = written(
        tmp_path / "alice", class_of_one(servers), ssh_hostname="127.0.0.1", ssh_port=servers["host"].port
    )
    servers["host"].host_key = str(guest_host_key("minet", "minet-mallory").private)
    result = ssh(folder, "minet-alice")
    assert (result.returncode, servers["host"].asked_for) == (255, [])
    assert "Host key verification failed" in result.stderr


def test_a_guest_on_the_campus_network_is_reached_directly(tmp_path: Path) -> None:
    guest, _ = logins(lab_of(guest_network=BRIDGED))
    assert guest.jump is None
    assert guest.uri == f"ssh://alice@{guest.hostname}"
    assert guest.hostname.startswith("192.0.2.")
    assert isinstance(lab_of(guest_network=BRIDGED).kvm_hosts[0].settings.guest_network, BridgedNetwork)
    folder = written(tmp_path / "alice", lab_of(guest_network=BRIDGED))
    assert "ProxyJump" not in (folder / "ssh_config").read_text()


@pytest.mark.parametrize("settings", [{}, {"guest_network": BRIDGED}])
def test_of_a_sandbox_host_nothing_but_its_sshd_is_reached(settings: dict[str, Any]) -> None:
    lab = lab_of(kvm="@sandbox/hv1", docker="@sandbox/ct1", **settings)
    hosts = {f"@sandbox/{name}": ReachedHost(name, "127.0.0.1", 40000, (KEY,)) for name in ("hv1", "ct1")}
    guest, container = logins_of(lab, allocate(lab), ALICE, hosts)
    assert guest.jump
    assert container.jump
    assert container.jump.host.alias == "ct1"
    assert (container.hostname, container.shown) == ("127.0.0.1", f"ct1:{container.port}")


def test_a_sandbox_host_that_does_not_run_is_said() -> None:
    with pytest.raises(LabError, match=r"do not run have no address: ct1\n.*lab up"):
        logins(lab_of(docker="@sandbox/ct1"))


@pytest.mark.parametrize("name", ["hand out", "50%", "o'clock", "$HOME"])
def test_a_folder_that_ssh_could_not_jump_with_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(LabError, match=r"cannot pass through a jump host with .*\n.*--output"):
        written(tmp_path / name / "alice", lab_of())
    assert not (tmp_path / name).exists()


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "alice").write_text("a file")
    with pytest.raises(LabError, match=r"cannot write .*alice"):
        written(tmp_path / "alice", lab_of())
