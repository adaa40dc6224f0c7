"""``lab rotate``: the old key opens what it opened until the new one opens everything, and then nothing."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from minetlab.cli import rotate
from minetlab.inventory.hosts import InventoryHost
from minetlab.lab import KvmHost, KvmHostSettings, Lab
from minetlab.machines import rotation, status
from minetlab.machines.status import MachineState
from minetlab.operations import access, jump
from minetlab.plan import allocate
from minetlab.resources.access import with_keys_replaced
from minetlab.resources.jump import keys_file
from minetlab.resources.layout import Layout
from minetlab.secrets import keys, passwords
from minetlab.ssh.ssh_config import Block, render
from minetlab.util.errors import LabError
from tests.support.deployed import OPTIONS, Deployed
from tests.support.private_host import PrivateHost, is_open
from tests.support.rotation import HOST, Command, command, host, lab

__all__ = ["command", "host", "lab"]  # fixtures

OLD, NEW, OWN = "ssh-ed25519 AAAAOLD a@lab", "ssh-ed25519 AAAANEW a@lab", "ssh-rsa AAAAOWN my laptop"
FROM_HOST = f'from="10.77.0.1" {NEW}'
"""The line of the new key in a guest, all of whose logins come from its host."""


def test_what_else_opens_the_account_stays() -> None:
    there = f"# mine\n{OWN}\n{OLD}\n"
    both = with_keys_replaced(there, [NEW], [])
    assert both == f"# mine\n{OWN}\n{OLD}\n{NEW}\n"
    assert with_keys_replaced(both, [NEW], []) == both
    assert with_keys_replaced(both, [NEW], [OLD]) == f"# mine\n{OWN}\n{NEW}\n"
    assert with_keys_replaced("", [NEW], [OLD]) == f"{NEW}\n"


def test_a_key_is_known_whatever_stands_around_it() -> None:
    assert with_keys_replaced('no-pty,command="true" ssh-ed25519 AAAAOLD other\n', [], [OLD]) == ""
    assert (
        with_keys_replaced("ssh-ed25519 AAAANEW other comment", [NEW], [])
        == "ssh-ed25519 AAAANEW other comment\n"
    )
    assert with_keys_replaced("# ssh-ed25519 AAAANEW", [NEW], []) == f"# ssh-ed25519 AAAANEW\n{NEW}\n"


class Guest:
    """Alice's guest: a private host with her account, and the lab's own."""

    def __init__(self, lab: Lab, host: PrivateHost, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lab, self.host, self.state = lab, host, "running"
        host.add_account("lab", keys.lab_key("minet").public, root=True)
        host.add_account("alice", OLD, OWN)
        # The tests' machine has no way into the host's network: its ssh runs in there.
        ssh = folder / "bin" / "ssh"
        ssh.parent.mkdir()
        ssh.write_text(f'#!/bin/sh\nexec {host.shell} -c \'exec ssh "$@"\' ssh "$@"\n')
        ssh.chmod(0o755)
        monkeypatch.setenv("PATH", f"{ssh.parent}:/usr/bin:/bin")
        monkeypatch.setattr(status, "states", self._states)
        options = {
            "HostName": "10.77.0.20",
            "User": "lab",
            "IdentityFile": str(keys.lab_key("minet").private),
            "UserKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "no",
        }
        self.config = folder / "ssh_config"
        self.config.write_text(render([Block("minet-alice", options)], Path("/run")))

    def _states(self, *_: object) -> tuple[MachineState, ...]:
        states = {"minet-alice": self.state, "minet-bob": "shut off"}
        return tuple(MachineState(HOST, name, "guest", "", state) for name, state in states.items())

    def change(self, add: list[str], drop: list[str], *, of_lab: bool = False) -> list[str]:
        plan = allocate(self.lab).of_students({"alice"})
        return rotation.change_keys(self.lab, plan, [], self.config, add=add, drop=drop, of_lab=of_lab)

    @property
    def authorized(self) -> list[str]:
        return self.host.prints("cat /home/alice/.ssh/authorized_keys").splitlines()


@pytest.fixture
def guest(lab: Lab, host: PrivateHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Guest:
    return Guest(lab, host, tmp_path, monkeypatch)


def test_a_running_guest_gets_the_new_key_and_loses_the_old_one(guest: Guest) -> None:
    assert guest.change([NEW], []) == []
    assert guest.authorized == [OLD, OWN, FROM_HOST]
    assert guest.change([NEW], [OLD]) == []
    assert guest.authorized == [OWN, FROM_HOST]
    assert guest.host.prints("stat -c '%U %a' /home/alice/.ssh/authorized_keys") == "alice 600\n"
    assert guest.host.prints("ls -A /home/alice/.ssh") == "authorized_keys\n"


def opened(guest: Guest, account: str, private: Path) -> list[str]:
    """An ssh to the guest by a key; there, cat sends back what it is sent."""
    return ["ssh", *OPTIONS, "-i", str(private), f"{account}@10.77.0.20", "echo open; cat"]


def test_the_sessions_of_a_student_end_with_their_old_key_and_nobody_elses(guest: Guest) -> None:
    key = keys.of_student("minet", "alice")
    for account in ("alice", "alice2"):
        if account != "alice":
            guest.host.add_account(account)
        guest.host.prints(f"echo '{key.current.public}' >/home/{account}/.ssh/authorized_keys")
    ssh = opened(guest, "alice", key.file)
    labs = keys.lab_key("minet").private
    with (
        guest.host.session(*ssh) as hers,
        guest.host.session(*opened(guest, "alice2", key.file)) as anothers,
        guest.host.session(*opened(guest, "lab", labs)) as of_lab,
    ):
        assert guest.change([key.next.public], []) == []
        assert all(map(is_open, (hers, anothers, of_lab)))
        assert guest.change([key.next.public], [key.current.public]) == []
        hers.wait(30)
        assert all(map(is_open, (anothers, of_lab)))
    refused = guest.host.run(*ssh)
    assert (refused.returncode, "Permission denied" in refused.stderr) == (255, True)


def test_the_labs_key_is_replaced_in_both_accounts_and_its_sessions_end(guest: Guest) -> None:
    key = keys.of_lab("minet")
    old = guest.config.with_name("old")
    shutil.copy2(key.file, old)
    with guest.host.session(*opened(guest, "lab", old)) as session:
        assert guest.change([key.next.public], [], of_lab=True) == []
        assert is_open(session)
        revoked = key.current.public
        key.replace()
        assert guest.change([key.current.public], [revoked], of_lab=True) == []
        session.wait(30)
    line = f'from="10.77.0.1" {key.current.public}'
    assert guest.authorized == [OLD, OWN, line]
    assert guest.host.prints("cat /home/lab/.ssh/authorized_keys") == f"{line}\n"
    refused = guest.host.run(*opened(guest, "lab", old))
    assert (refused.returncode, "Permission denied" in refused.stderr) == (255, True)
    # The way on stays open: the next one is made by the new key.
    assert guest.change([key.current.public], [revoked], of_lab=True) == []


def test_a_key_opens_a_guest_from_its_host_only(guest: Guest) -> None:
    key = keys.of_student("minet", "alice")
    assert guest.change([key.current.public], [OLD]) == []
    ssh = opened(guest, "alice", key.file)
    from_host, from_elsewhere = (
        [*ssh[:-2], "-b", source, ssh[-2], "true"] for source in ("10.77.0.1", "10.77.0.9")
    )
    guest.host.prints("ip address add 10.77.0.9/24 dev lo")
    assert guest.host.run(*from_host).returncode == 0
    assert "Permission denied" in guest.host.run(*from_elsewhere).stderr


def test_a_student_without_the_file_gets_it(guest: Guest) -> None:
    guest.host.prints("rm -r /home/alice/.ssh")
    assert guest.change([NEW], [OLD]) == []
    assert guest.authorized == [FROM_HOST]


def test_what_is_in_a_comment_is_not_run(guest: Guest) -> None:
    hostile = (
        "ssh-ed25519 AAAANEW '; touch /home/alice/gone; $(touch /home/alice/gone)`touch /home/alice/gone`"
    )
    assert guest.change([hostile], []) == []
    assert guest.authorized == [OLD, OWN, f'from="10.77.0.1" {hostile}']
    assert guest.host.prints("ls /home/alice") == ""


def test_what_arrives_in_part_only_is_not_put_in_place(guest: Guest) -> None:
    (alice,) = allocate(guest.lab).of_students({"alice"}).guests
    script = rotation._write_script(f"{NEW}\n")
    assert rotation._run_as("alice", guest.config, alice, script, NEW[:5]) is None
    assert guest.authorized == [OLD, OWN]


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("shut off", ["minet-alice is shut off"]),
        (status.SILENT, ["minet-alice: its host does not answer"]),
        (status.MISSING, []),
    ],
)
def test_a_guest_that_cannot_be_changed_is_left_to_do(guest: Guest, state: str, said: list[str]) -> None:
    guest.state = state
    assert guest.change([NEW], [OLD]) == said
    assert guest.authorized == [OLD, OWN]


def test_a_guest_that_does_not_answer_is_left_to_do(guest: Guest) -> None:
    guest.host.prints("echo 'DenyUsers lab' >/etc/ssh/sshd_config.d/deny.conf; kill -HUP 1; sleep 0.5")
    assert guest.change([NEW], [OLD]) == ["minet-alice does not answer SSH"]


# What qemu-img 11.1 says of an overlay as it is made, and of one that something was written to.
NEW_DISK = '{"image-end-offset": 262144, "total-clusters": 131072, "check-errors": 0, "format": "qcow2"}'
USED_DISK = NEW_DISK.replace("0, ", '0, "allocated-clusters": 1, ')


@pytest.mark.parametrize(
    ("run", "disk", "left"),
    [
        (True, NEW_DISK, []),
        (False, NEW_DISK, []),
        (True, USED_DISK, ["minet-alice is shut off"]),
        (
            False,
            USED_DISK,
            [
                "minet-alice is shut off (on hv1: virsh start minet-alice; "
                "or set guests_run = True for hv1, then lab up)"
            ],
        ),
        (True, None, ["minet-alice is shut off"]),
    ],
)
def test_a_guest_that_was_never_on_takes_the_keys_of_its_seed(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, run: bool, disk: str | None, left: list[str]
) -> None:
    programs = {
        "ssh": 'for last; do :; done; exec sh -c "$last"',
        "qemu-img": f"[ $3 = {Layout('minet').disk('minet-alice.qcow2')} ] && cat {tmp_path}/disk",
    }
    (tmp_path / "bin").mkdir()
    for name, text in programs.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    if disk:
        (tmp_path / "disk").write_text(disk)
    settings = KvmHostSettings(guests_run=run)
    lab = lab.model_copy(update={"kvm_hosts": (KvmHost(name=HOST, settings=settings),)})
    off = MachineState(HOST, "minet-alice", "guest", "alice", "shut off")
    monkeypatch.setattr(status, "states", lambda *_: (off,))
    hosts = [InventoryHost(HOST, ("kvm_hosts",), {})]
    plan = allocate(lab).of_students({"alice"})
    assert rotation.change_keys(lab, plan, hosts, tmp_path / "ssh_config", add=[NEW], drop=[OLD]) == left


def body(public: str) -> str:
    return public.split()[1]


def test_hosts_take_the_new_key_and_forget_the_old_one(command: Command, lab: Lab) -> None:
    jump_keys = keys_file("minet")
    container = "/var/lib/minet-lab/minet/access/minet-alice-processus/authorized_keys"
    old, bobs = (body(keys.student_key("minet", login).public) for login in ("alice", "bob"))
    admin = body(keys.lab_key("minet").public)
    local = Deployed(command.host)
    here = lab.model_copy(update={"kvm_hosts": (KvmHost(name="@local", settings=KvmHostSettings()),)})
    local.does(jump.account, lab=here, plan=allocate(here))
    local.does(access.keys, lab="minet", containers=allocate(lab).containers)
    command.serve(lab)
    assert command.opened_by(jump_keys) == [old, bobs]
    password, bobs_password = (passwords.student("minet", login) for login in ("alice", "bob"))
    assert command.let_in() == f"{password.line}{bobs_password.line}"

    # The host is down: nothing is lost, and what is begun is gone on with.
    command.host.prints("sed -i '1i Port 2022' /etc/ssh/sshd_config; kill -HUP 1; sleep 0.5")
    failed, said = command.rotate()
    assert failed == 1
    assert "alice's old key is still in use: hv1 was not changed" in said
    assert f"./lab rotate -i {command.inventory} alice" in said
    assert "Traceback" not in said
    new = body(keys.of_student("minet", "alice").next.public)
    assert body(keys.student_key("minet", "alice").public) == old
    assert command.let_in() == f"{password.line}{bobs_password.line}"

    command.host.prints("sed -i 1d /etc/ssh/sshd_config; kill -HUP 1; sleep 0.5")
    failed, said = command.rotate()
    assert (failed, "the old one opens nothing any more" in said) == (0, True), said
    assert "alice has a new key and a new password for the TP site" in said
    assert passwords.student("minet", "alice").password != password.password
    assert command.let_in() == f"{passwords.student('minet', 'alice').line}{bobs_password.line}"
    assert body(keys.student_key("minet", "alice").public) == new
    assert command.opened_by(jump_keys) == [new, bobs]
    assert command.opened_by(container) == [new, admin]
    assert keys.of_student("minet", "alice").revoked is None


def test_both_keys_open_everything_while_one_replaces_the_other(command: Command, lab: Lab) -> None:
    keys.student_key("minet", "alice")
    assert keys.of_student("minet", "alice").next
    both = [body(each) for each in keys.student_public_keys("minet", lab.students[0])]
    Deployed(command.host).does(access.keys, lab="minet", containers=allocate(lab).containers)
    opened = command.opened_by("/var/lib/minet-lab/minet/access/minet-alice-processus/authorized_keys")
    assert opened[:2] == both
    assert len(set(opened)) == 3


def test_a_key_of_the_students_own_is_theirs_to_replace(command: Command, lab: Lab) -> None:
    own = keys.student_key("other", "bob").public
    command.inventory.with_name("students.csv").write_text(f"login,name,ssh_key\nalice,Alice,{own}\n")
    old = passwords.student("minet", "alice").password
    command.serve(lab)
    failed, said = command.rotate()
    assert (failed, "alice has a new password for the TP site; their key is their own" in said) == (
        0,
        True,
    ), said
    assert passwords.student("minet", "alice").password != old
    assert command.let_in() == passwords.student("minet", "alice").line


def test_where_there_is_no_site_either_there_is_nothing_to_replace(command: Command) -> None:
    own = keys.student_key("other", "bob").public
    command.inventory.with_name("students.csv").write_text(f"login,name,ssh_key\nalice,Alice,{own}\n")
    with command.inventory.with_name("group_data").joinpath("all.py").open("a") as settings:
        settings.write("site_port = None\n")
    (command.inventory.with_name("group_data") / "container_hosts.py").write_text("")
    with pytest.raises(LabError, match="alice uses their own SSH key"):
        rotate.rotate_student(command.inventory, "alice")
    assert not (command.folder / "state" / "labs" / "minet" / "keys" / "students").exists()


def test_who_is_not_in_the_roster_is_said(command: Command) -> None:
    with pytest.raises(LabError, match="not in the roster: carol"):
        rotate.rotate_student(command.inventory, "carol")


def test_the_labs_own_key_is_replaced_by_one_command_that_can_be_interrupted(
    command: Command, lab: Lab
) -> None:
    container = "/var/lib/minet-lab/minet/access/minet-alice-processus/authorized_keys"
    Deployed(command.host).does(access.keys, lab="minet", containers=allocate(lab).containers)
    key = keys.of_lab("minet")
    old, (alices, _) = body(key.current.public), command.opened_by(container)
    command.host.prints("sed -i '1i Port 2022' /etc/ssh/sshd_config; kill -HUP 1; sleep 0.5")
    failed, said = command.rotate("--lab")
    assert (failed, "the lab's old key is still in use: hv1 was not changed" in said) == (1, True), said
    assert f"./lab rotate -i {command.inventory} --lab" in said
    assert body(key.current.public) == old
    new = body(key.next.public)
    command.host.prints("sed -i 1d /etc/ssh/sshd_config; kill -HUP 1; sleep 0.5")
    failed, said = command.rotate("--lab")
    assert (failed, "the lab has a new key, and the old one opens nothing any more" in said) == (0, True), (
        said
    )
    assert body(key.current.public) == new
    assert command.opened_by(container) == [alices, new]
    assert key.revoked is None


def test_a_call_that_was_interrupted_while_it_removed_the_old_key_is_gone_on_with(
    command: Command, lab: Lab
) -> None:
    container = "/var/lib/minet-lab/minet/access/minet-alice-processus/authorized_keys"
    key = keys.of_lab("minet")
    old, new = body(key.current.public), body(key.next.public)
    Deployed(command.host).does(access.keys, lab="minet", containers=allocate(lab).containers)
    assert command.opened_by(container)[1:] == [old, new]
    key.replace()
    failed, said = command.rotate("--lab")
    assert failed == 0, said
    assert command.opened_by(container)[1:] == [body(key.current.public)] == [new]
    assert key.revoked is None


def test_the_instructors_password_is_replaced_and_no_students(command: Command, lab: Lab) -> None:
    command.serve(lab)
    old, students = passwords.instructor("minet"), command.let_in()
    failed, said = command.rotate("--instructor")
    assert (failed, "the instructor has a new password" in said) == (0, True), said
    new = passwords.instructor("minet")
    assert new.password != old.password
    assert new.password not in said
    there = command.host.prints("cat /var/lib/minet-lab/minet/access/minet-site/formateur")
    assert (there, command.let_in()) == (new.line, students)


def test_the_sites_ca_is_replaced_and_the_web_server_told(command: Command, lab: Lab) -> None:
    command.serve(lab)
    docker = "#!/bin/sh\necho $* >>/run/docker\n"
    command.host.run("sh", "-c", "cat >/usr/local/bin/docker; chmod 755 /usr/local/bin/docker", stdin=docker)
    folder = "/var/lib/minet-lab/minet/access/minet-site"
    served = []
    for told in (1, 2):
        failed, said = command.rotate("--site")
        assert (failed, "the TP site has a new certificate, by a new CA" in said) == (0, True), said
        served.append(command.host.prints(f"cat {folder}/certificate.pem {folder}/key.pem"))
        assert command.host.prints("cat /run/docker") == "container kill --signal=HUP minet-site\n" * told
    first, second = (re.findall(r"-----BEGIN [^-]*-----[^-]*", pair) for pair in served)
    assert len(first) == len(second) == 3, "the certificate, its CA, and its key"
    assert set(first).isdisjoint(second)


@pytest.mark.parametrize("choice", [{}, {"login": "alice", "lab": True}, {"lab": True, "instructor": True}])
def test_one_thing_is_replaced_at_a_time(command: Command, choice: dict[str, Any]) -> None:
    nothing = {"login": None, "lab": False, "instructor": False, "site": False}
    with pytest.raises(LabError, match=r"what is to be replaced\n.*--lab, --instructor or --site"):
        rotate.rotate(command.inventory, **{**nothing, **choice})
