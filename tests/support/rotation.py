"""``lab rotate`` on a private host: fixtures of the tests of keys."""

import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from minetlab.lab import ContainerHost, ContainerHostSettings, KvmHost, KvmHostSettings, Lab, Student
from minetlab.operations import specs
from minetlab.secrets import keys
from minetlab.util.paths import PROJECT_ROOT
from tests.support.private_host import PrivateHost, private_host

HOST = "hv1"


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path / "state"))
    return Lab(
        name="minet",
        students=tuple(Student(login=login, name=login.title()) for login in ("alice", "bob")),
        kvm_hosts=(KvmHost(name=HOST, settings=KvmHostSettings()),),
        container_hosts=(ContainerHost(name=HOST, settings=ContainerHostSettings()),),
    )


@pytest.fixture
def host(tmp_path: Path) -> Iterator[PrivateHost]:
    folder = tmp_path / "host"
    folder.mkdir()
    with private_host(folder) as host:
        yield host


class Command:
    """``lab rotate`` on a private host, which it reaches over SSH, with an inventory of its own."""

    def __init__(self, lab: Lab, host: PrivateHost, folder: Path) -> None:
        self.lab, self.host, self.folder = lab, host, folder
        self.admin = keys.key_pair(folder / "admin", "admin")
        host.add_account("root", self.admin.public)
        self.known_hosts = folder / "known_hosts"
        self.known_hosts.write_text(f"127.0.0.1 {host.prints('cat /etc/ssh/host_key.pub')}")
        shutil.copytree(PROJECT_ROOT / "inventories", folder / "inventories")
        data = {
            "ssh_hostname": "127.0.0.1",
            "ssh_user": "root",
            "ssh_key": str(self.admin.private),
            "ssh_known_hosts_file": str(self.known_hosts),
            "ssh_strict_host_key_checking": "yes",
        }
        self.inventory = folder / "inventories" / "lab.py"
        self.inventory.write_text(f"kvm_hosts = [({HOST!r}, {data})]\ncontainer_hosts = kvm_hosts\n")
        settings = folder / "inventories" / "group_data" / "all.py"
        settings.write_text(f"lab_name = 'minet'\nroster = {str(folder / 'inventories/students.csv')!r}\n")
        (folder / "inventories" / "students.csv").write_text("login,name\nalice,Alice\nbob,Bob\n")

    def run(self, *words: str) -> tuple[int, str]:
        """Run lab; its exit status, and all that it said."""
        env = (
            "env",
            "COLUMNS=500",
            f"MINETLAB_STATE={self.folder / 'state'}",
            f"MINETLAB_CACHE={self.folder / 'cache'}",
        )
        command = (*env, sys.executable, *words, str(self.inventory))
        result = self.host.run("sh", "-c", 'cd "$0" && exec "$@" 2>&1', str(PROJECT_ROOT), *command)
        return result.returncode, result.stdout

    def rotate(self, *words: str) -> tuple[int, str]:
        return self.run("-m", "minetlab", "rotate", *(words or ("alice",)), "--inventory")

    def serve(self, lab: Lab) -> None:
        """Have what the web server of the TP site reads, as where it is served."""
        for path, file in specs.site_users(lab).items():
            there = f"/var/lib/minet-lab/minet/access/{path}"
            line = shlex.quote(file.content.decode())
            self.host.prints(f"mkdir -p $(dirname {there}) && printf %s {line} >{there}")

    def let_in(self) -> str:
        """The students whom the host's web server of the TP site knows."""
        return self.host.prints("cat /var/lib/minet-lab/minet/access/minet-site/eleves")

    def opened_by(self, path: str) -> list[str]:
        """The comments aside, the keys in a file."""
        lines = self.host.prints(f"cat {path}").splitlines()
        return [line.split()[line.split().index("ssh-ed25519") + 1] for line in lines]


@pytest.fixture
def command(lab: Lab, host: PrivateHost, tmp_path: Path) -> Command:
    return Command(lab, host, tmp_path)
