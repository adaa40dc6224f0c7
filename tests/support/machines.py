"""Machines for the tests of what runs on them: ssh runs a line in a folder here, and all else is real."""

import os
import shutil
from pathlib import Path

import pytest

from minetlab.lab import ContainerHost, ContainerHostSettings, KvmHost, KvmHostSettings, Lab, Student
from minetlab.util.paths import PROJECT_ROOT
from tests.support.fake_program import SSH_SETTINGS

# The machine's own files are below its folder; where there is none, it does not answer.
SSH = f"""\
{SSH_SETTINGS}\
while [ $# -gt 2 ]; do shift; done
if ! cd "$MACHINES/$1" 2>/dev/null; then
    echo "ssh: connect to host $1 port 22: No route to host" >&2
    exit 255
fi
exec sh -c "$(printf %s "$2" | sed "s#=/home/#=$MACHINES/$1/home/#g; s#/var/lib/minet-lab/#$PWD&#g")"
"""
# A host's libvirt: the guests that are in the folder "active" run, all others are off.
VIRSH = """\
#!/bin/sh
case "$*" in
*"list --name") ls "$MACHINES/active" 2>/dev/null; exit 0 ;;
*"list --state-shutoff --name") for each in minet-alice minet-bob; do
    [ -e "$MACHINES/active/$each" ] || echo $each; done ;;
*) exit 1 ;;
esac
"""
PROGRAMS = {
    "ssh": SSH,
    "virsh": VIRSH,
    "sudo": '#!/bin/sh\n[ "$1" = -n ] && shift\nexec "$@"\n',
    "runuser": '#!/bin/sh\n[ "$1 $3" = "--login --command" ] || exit 9\nLOGNAME=$2 exec sh -c "$4"\n',
}
HOSTS = 'kvm_hosts = ["hv1"]\ncontainer_hosts = ["ct1"]\n'
NOT_RUN = 'kvm_hosts = [("hv1", {"guests_run": False})]\ncontainer_hosts = ["ct1"]\n'
TPS = ("processus", "isa", "emulation")
ALL = (
    "hv1",
    "ct1",
    *(f"minet-{login}{tp}" for login in ("alice", "bob") for tp in ("", *(f"-{tp}" for tp in TPS))),
)


def stand(folder: Path, monkeypatch: pytest.MonkeyPatch, *aliases: str, hosts: str = HOSTS) -> Path:
    """Have these machines answer; returns an inventory of Alice and Bob, with one host of each kind.

    :param hosts: of the inventory; of :data:`NOT_RUN`, no guest runs before :func:`start_by_hand`.
    """
    (folder / "bin").mkdir()
    for name, text in PROGRAMS.items():
        program = folder / "bin" / name
        program.write_text(text)
        program.chmod(0o755)
    for alias in aliases:
        home_of(folder, alias).mkdir(parents=True)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("MACHINES", str(folder / "machines"))
    monkeypatch.setenv("MINETLAB_STATE", str(folder / "state"))
    shutil.copytree(PROJECT_ROOT / "inventories", folder / "course")
    inventory = folder / "course" / "lab.py"
    inventory.write_text(hosts)
    return inventory


def start_by_hand(folder: Path, guest: str) -> None:
    """Have a host's libvirt say that one of its guests runs."""
    (folder / "machines" / "active").mkdir(exist_ok=True)
    (folder / "machines" / "active" / guest).touch()


def lab_of(*logins: str) -> Lab:
    """That inventory's lab, with these students."""
    return Lab(
        name="minet",
        students=tuple(Student(login=login, name=login.title()) for login in logins),
        kvm_hosts=(KvmHost(name="hv1", settings=KvmHostSettings()),),
        container_hosts=(ContainerHost(name="ct1", settings=ContainerHostSettings()),),
    )


def home_of(folder: Path, alias: str) -> Path:
    """The home directory of a machine's student."""
    login = "etudiant" if alias.endswith(TPS) else alias.rpartition("-")[2]
    return folder / "machines" / alias / "home" / login
