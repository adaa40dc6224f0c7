"""The SSH configuration, as OpenSSH itself reads it (``ssh -G``)."""

import re
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest

from minetlab.inventory.hosts import InventoryHost
from minetlab.inventory.load import LoadedLab
from minetlab.lab import ContainerHost, ContainerHostSettings, KvmHost, KvmHostSettings, Lab, Student
from minetlab.operations import specs
from minetlab.operations.specs import seed
from minetlab.plan import allocate
from minetlab.resources import jump
from minetlab.secrets.keys import key_pair, lab_key, student_key
from minetlab.ssh import ssh_config
from minetlab.util.errors import LabError
from minetlab.util.paths import TEMPLATES
from tests.support.ssh_client import as_ssh_reads
from tests.support.ssh_server import SshServer

REAL = "hv1.example.org"


def lab_of(*hosts: str) -> Lab:
    return Lab(
        name="course",
        students=(Student(login="alice", name="Alice"),),
        kvm_hosts=tuple(KvmHost(name=host, settings=KvmHostSettings()) for host in hosts),
        container_hosts=(ContainerHost(name="ct1", settings=ContainerHostSettings()),),
    )


def write(*hosts: InventoryHost) -> Path:
    lab = lab_of(*(host.name for host in hosts if "kvm_hosts" in host.groups))
    return ssh_config.write_config(LoadedLab(hosts, lab, allocate(lab)))


def kvm_host(name: str = REAL, **data: object) -> InventoryHost:
    return InventoryHost(name, ("kvm_hosts",), data)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "a state"
    monkeypatch.setenv("MINETLAB_STATE", str(folder))
    return folder


@pytest.mark.parametrize(
    ("sshd_config", "wait"),
    [
        ((TEMPLATES / "guest/etc/ssh/sshd_config.d/minet-lab.conf").read_text(), ssh_config.SANDBOX_OPTIONS),
        ((TEMPLATES / "tp/etc/minet-lab/sshd_config").read_text(), ssh_config.COMMON_OPTIONS),
        (jump.settings(lab_of(REAL), penalizes=True), ssh_config.COMMON_OPTIONS),
    ],
    ids=["guest", "container", "host"],
)
def test_sshd_bears_a_login_for_as_long_as_ssh_waits_for_it(sshd_config: str, wait: dict[str, str]) -> None:
    """Logins into guests of a loaded sandbox took 57 s: sshd had given them up after 30."""
    (grace,) = re.findall(r"^LoginGraceTime (\d+)$", sshd_config, re.MULTILINE)
    assert int(grace) >= int(wait["ConnectTimeout"])


def test_a_guest_is_reached_through_its_host_with_the_labs_key(state: Path) -> None:
    config = write(kvm_host())
    guest = allocate(lab_of(REAL)).guests[0]
    seen = as_ssh_reads(config, "course-alice")
    assert seen["hostname"] == str(guest.address.ip)
    assert seen["user"] == "lab"
    assert seen["proxyjump"] == REAL
    assert seen["identityfile"] == str(state / "labs" / "course" / "keys" / "lab")
    assert seen["userknownhostsfile"] == f"{state}/labs/course/known_hosts"
    assert seen["hostkeyalias"] == "course-alice"


def test_a_guest_is_believed_by_the_key_that_its_seed_gives_it(state: Path) -> None:
    config = write(kvm_host())
    assert as_ssh_reads(config, "course-alice")["stricthostkeychecking"] == "true"
    lab = lab_of(REAL)
    (guest,) = allocate(lab).guests
    user_data = seed("course", guest, lab.kvm_hosts[0].settings.guest_network).files["user-data"]
    (known,) = (config.parent / "known_hosts").read_text().splitlines()
    name, key = known.split(" ", 1)
    assert name == "course-alice"
    assert key in user_data


def test_a_container_is_reached_on_its_port_through_its_host_by_the_key_that_was_mounted(state: Path) -> None:
    lab = lab_of(REAL)
    container = allocate(lab).containers[0]
    config = write(kvm_host(), InventoryHost("ct1", ("container_hosts",), {}))
    seen = as_ssh_reads(config, "course-alice-processus")
    assert (seen["hostname"], seen["port"]) == ("127.0.0.1", str(container.ssh_port))
    assert (seen["user"], seen["proxyjump"]) == ("etudiant", "ct1")
    assert seen["stricthostkeychecking"] == "true"
    files = specs.access("course", [container])
    private = files["course-alice-processus/host_key"]
    assert stat.filemode(private.mode) == "?r--------"
    (known,) = [
        line.removeprefix("course-alice-processus ")
        for line in (config.parent / "known_hosts").read_text().splitlines()
        if line.startswith("course-alice-processus ")
    ]
    key = ["ssh-keygen", "-y", "-f", "/dev/stdin"]
    derived = subprocess.run(key, input=private.content, capture_output=True, check=True).stdout.decode()
    assert derived.startswith(known)
    opened_by = files["course-alice-processus/authorized_keys"].content.decode().splitlines()
    assert opened_by == [student_key("course", "alice").public, lab_key("course").public]


def test_only_its_owner_reads_it_and_nothing_else_is_left(state: Path) -> None:
    config = write(kvm_host())
    write(kvm_host())
    assert config == state / "labs" / "course" / "ssh_config"
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert {path.name for path in config.parent.iterdir()} <= {
        *("ssh_config", "known_hosts", "host_keys", "keys", "ssh")
    }


def test_a_host_is_reached_as_pyinfra_reaches_it(state: Path) -> None:
    host = kvm_host(
        "hv1", ssh_hostname="192.0.2.7", ssh_port=2222, ssh_user="admin", ssh_key="/keys/50% sure"
    )
    seen = as_ssh_reads(write(host), "hv1")
    assert (seen["hostname"], seen["port"], seen["user"]) == ("192.0.2.7", "2222", "admin")
    assert seen["identityfile"] in {"/keys/50%% sure", "/keys/50% sure"}


def test_emulated_machines_may_be_silent_for_longer(state: Path) -> None:
    """A real host and its guests are given up after a minute."""
    config = write(kvm_host())
    assert as_ssh_reads(config, "course-alice")["serveralivecountmax"] == "4"
    with_sandbox = ssh_config.student_machine_block(
        allocate(lab_of("@sandbox/hv1")).guests[0], Path("key"), Path("known")
    )
    config.write_text(ssh_config.render([with_sandbox], Path("/run/x")))
    read = as_ssh_reads(config, "course-alice")
    assert (read["serveralivecountmax"], read["connecttimeout"]) == ("20", "300")


def test_shared_connections_end_and_others_are_passed_over(state: Path, tmp_path: Path) -> None:
    host_key, key = key_pair(tmp_path / "host", "hv1"), lab_key("course")
    server = SshServer("admin", str(host_key.private), key.public)
    options = {
        "ssh_hostname": "127.0.0.1",
        "ssh_port": server.port,
        "ssh_user": "admin",
        "ssh_key": key.private,
        "ssh_known_hosts_file": tmp_path / "known",
    }
    (tmp_path / "known").write_text(f"[127.0.0.1]:{server.port} {host_key.public}\n")
    config = write(kvm_host("hv1", **options))
    ssh_config.end_shared_connections("another-lab", ["hv1"])  # has no configuration yet

    def shared() -> bool:
        return not subprocess.run(["ssh", "-F", config, "-O", "check", "hv1"], check=False).returncode

    try:
        subprocess.run(["ssh", "-F", config, "-N", "-f", "hv1"], check=True, timeout=60)
        assert shared()
        ssh_config.end_shared_connections("course", ["course-alice", "hv1"])
        assert not shared()
    finally:
        server.close()


def test_a_host_is_believed_by_its_pinned_key_only(state: Path, tmp_path: Path) -> None:
    host_key, other = key_pair(tmp_path / "host", "hv1"), key_pair(tmp_path / "other", "hv1")
    server = SshServer("admin", str(host_key.private), lab_key("course").public)
    known = tmp_path / "known"
    options: dict[str, object] = {
        "ssh_hostname": "127.0.0.1",
        "ssh_port": server.port,
        "ssh_user": "admin",
        "ssh_key": lab_key("course").private,
        "ssh_known_hosts_file": known,
        "ssh_strict_host_key_checking": "accept-new",
    }

    def said() -> str:
        config = write(kvm_host("hv1", **options))
        ssh = ["ssh", "-F", str(config), "-o", "ControlPath=none", "-o", "BatchMode=yes", "hv1", "id"]
        result = subprocess.run(ssh, capture_output=True, text=True, timeout=60, check=False)
        return result.stdout + result.stderr

    try:
        assert "Host key verification failed" in said()
        assert "Host key verification failed" in said(), "the first contact has taught ssh nothing"
        known.write_text(f"[127.0.0.1]:{server.port} {other.public}\n")
        assert "Host key verification failed" in said()
        known.write_text(f"[127.0.0.1]:{server.port} {host_key.public}\n")
        assert said() == "admin\n"
    finally:
        server.close()


def test_what_a_host_leaves_open_comes_from_the_users_own_configuration() -> None:
    block = ssh_config.host_block(kvm_host(), Path("known"))
    assert block
    text = ssh_config.render([block], Path("/run/x"))
    assert "Include ~/.ssh/config" in text
    assert "HostName" not in text


def test_the_users_own_configuration_does_not_reach_guests(state: Path) -> None:
    text = write(kvm_host()).read_text()
    assert "Include" not in text[text.index("Host course-alice") :]


def test_connections_are_shared_over_a_socket_whose_path_is_short_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory(prefix="s") as short:
        for folder, is_short in ((tmp_path / ("long" * 30), False), (Path(short), True)):
            monkeypatch.setenv("MINETLAB_STATE", str(folder))
            seen = as_ssh_reads(write(kvm_host()), REAL)
            socket = Path(seen["controlpath"])
            assert seen["controlmaster"] == "auto"
            assert len(f"{socket}.0123456789abcdef") < 108
            assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
            assert socket.parent.is_relative_to(folder) == is_short
            if not is_short:
                shutil.rmtree(socket.parent)


def test_a_socket_folder_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path / ("long" * 30)))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    socket = Path(as_ssh_reads(write(kvm_host()), REAL)["controlpath"])
    socket.parent.chmod(0o777)
    with pytest.raises(LabError, match="not this user's own folder"):
        write(kvm_host())


def test_a_sandbox_host_that_does_not_run_is_left_out_with_its_guests() -> None:
    text = write(kvm_host("@sandbox/hv1")).read_text()
    assert "Host " not in text


def test_a_connector_that_is_not_ssh_is_refused_by_name() -> None:
    with pytest.raises(LabError, match="@docker/debian"):
        write(kvm_host("@docker/debian"))


def test_a_value_that_would_break_out_of_its_line_is_refused() -> None:
    with pytest.raises(LabError, match="HostName"):
        write(kvm_host("hv1", ssh_hostname='x"\nProxyCommand evil'))


@pytest.mark.parametrize(
    ("name", "alias"), [("@sandbox/hv1", "hv1"), ("@ssh/hv1.example.org", REAL), (REAL, REAL)]
)
def test_alias(name: str, alias: str) -> None:
    assert ssh_config.alias_of(name) == alias
