"""Home folders of containers: real file systems, mounted, filled, made larger and removed."""

import os
import re
import shlex
from collections.abc import Iterator

import pytest

from minetlab.lab import ContainerHostSettings, ContainerLimits, Student
from minetlab.operations import docker, homes, students
from minetlab.plan import Container
from minetlab.resources.docker import container_user, home_folder, homes_folder, terminals
from minetlab.resources.homes import MOST_TERMINALS, image, mount_point, unit_file
from tests.support.deployed import Deployed
from tests.support.private_host import private_host

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root of the machine may have loop devices")
MIB = 2**20
ALICE, BOB = (
    Container(f"minet-{login}-isa", Student(login=login, name=login), "@local", "isa", port)
    for login, port in (("alice", 20001), ("bob", 20002))
)


def settings(disk: int) -> ContainerHostSettings:
    return ContainerHostSettings(container=ContainerLimits(disk=disk))


def mounts(deployed: Deployed, *containers: Container, disk: int = 32) -> bool:
    return deployed.does(homes.mount, lab="minet", containers=containers, settings=settings(disk))


def home(container: Container) -> str:
    return home_folder("minet", container.name)


def as_student(container: Container, command: str) -> str:
    """What a student's command does in the home folder of their container."""
    user = container_user(container.ssh_port)
    return f"cd {home(container)} && setpriv --reuid={user} --regid={user} --clear-groups sh -c '{command}'"


@pytest.fixture
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """A host with the home folders of two containers."""
    with private_host(tmp_path_factory.mktemp("host")) as host:
        host.prints("mkdir /var/lib/other")
        deployed = Deployed(host)
        assert mounts(deployed, ALICE, BOB)
        yield deployed
        # The devices are the machine's.
        host.prints(f"umount {homes_folder('minet')}/*/ 2>/dev/null; true")


def test_who_fills_a_home_folder_fills_no_other_and_not_the_host(deployed: Deployed) -> None:
    assert not mounts(deployed, ALICE, BOB)
    fill = as_student(ALICE, "head -c 128M /dev/zero >full 2>error; cat error; stat -c %s full")
    failure, size = deployed.host.prints(f"{fill} || true").splitlines()
    assert "No space left on device" in failure
    assert 16 * MIB < int(size) < 32 * MIB
    many = as_student(ALICE, "rm full; for i in $(seq 20000); do : >$i || exit 1; done 2>&1")
    assert deployed.host.run("sh", "-c", many).returncode != 0
    written = deployed.host.prints(as_student(BOB, "head -c 16M /dev/zero >mine; stat -c %s mine"))
    assert int(written) == 16 * MIB
    used = deployed.host.prints(f"du --bytes {image('minet', ALICE.name)} | cut -f 1")
    assert int(used) == 32 * MIB


def buffered(deployed: Deployed) -> str:
    """The loop devices of home folders that keep what is written in their host's memory, too."""
    devices = "losetup --list --noheadings --raw --output BACK-FILE,DIO"
    return deployed.host.prints(f"{devices} | grep {homes_folder('minet')} | grep -v ' 1$' || true")


def test_what_is_written_is_in_memory_once(deployed: Deployed) -> None:
    """Else it counts twice as memory of the container, which is killed before its disk has taken it."""
    assert buffered(deployed) == ""


def test_no_other_account_looks_into_it_and_no_file_there_gives_rights(deployed: Deployed) -> None:
    deployed.host.prints(as_student(ALICE, "echo secret >mine"))
    assert deployed.host.run("sh", "-c", as_student(BOB, f"cat {home(ALICE)}/mine")).returncode != 0
    options = deployed.host.prints(
        f"findmnt --noheadings --output OPTIONS {mount_point('minet', ALICE.name)}"
    )
    assert {"nosuid", "nodev"} <= set(options.strip().split(","))
    assert deployed.host.prints(f"stat --format=%a {image('minet', ALICE.name)}") == "600\n"


# Opens as many pseudo-terminals as it gets, of 100 at each place, keeps them, and prints how many these are.
TAKE = """
for my $place (@ARGV) {
    my $number = 0;
    for (1 .. 100) { open my $terminal, "+<", "$place/ptmx" or last; push @all, $terminal; $number++ }
    print "$number\\n";
}
"""


def test_who_takes_all_terminals_of_a_container_takes_none_of_another(deployed: Deployed) -> None:
    places = [terminals("minet", container.name) for container in (ALICE, BOB)]
    taken = deployed.host.prints(shlex.join(["perl", "-e", TAKE, *places])).split()
    assert taken == [str(MOST_TERMINALS)] * 2


def test_a_home_folder_does_not_shrink_and_is_named(
    deployed: Deployed, caplog: pytest.LogCaptureFixture
) -> None:
    """That it grows under its container is tried in the sandbox (test_lab.py): not every root may do that."""
    assert not mounts(deployed, ALICE, BOB, disk=16)
    assert f"left so: the home folders of {ALICE.name}, {BOB.name}" in caplog.text
    size = deployed.host.prints(f"df --output=size --block-size=1M {home(ALICE)} | tail -n 1")
    assert int(size) > 24


def test_whatever_of_it_is_missing_comes_back_with_the_students_work(deployed: Deployed) -> None:
    deployed.host.prints(as_student(ALICE, "echo work >mine"))
    places = [mount_point("minet", container.name) for container in (ALICE, BOB)]
    file = image("minet", BOB.name)
    # A run that was killed while it made Bob's leaves this.
    deployed.host.prints(f"umount {' '.join(places)} && mv {file} {file}.new && mkdir {file}.content")
    assert mounts(deployed, ALICE, BOB)
    assert deployed.host.prints(as_student(ALICE, "cat mine")) == "work\n"
    assert deployed.host.prints(as_student(BOB, "ls -A")) == ""
    listed = deployed.host.prints(f"ls {homes_folder('minet')}").split()
    assert listed == [
        f"{container.name}{suffix}" for container in (ALICE, BOB) for suffix in ("", ".img", ".pts")
    ]


def test_at_boot_the_unit_mounts_them(deployed: Deployed) -> None:
    deployed.host.prints(as_student(ALICE, "echo work >mine"))
    folder = homes_folder("minet")
    deployed.host.prints(f"for place in {folder}/*/; do umount $place; done")
    (start,) = re.findall(
        r"^ExecStart=/bin/sh -c '(.*)'$", deployed.host.prints(f"cat {unit_file('minet')}"), re.M
    )
    script = start.replace("$$", "$").replace("%%", "%")  # as systemd.service(5) reads it
    assert deployed.host.run("sh", "-c", script).returncode == 0
    assert deployed.host.prints(as_student(ALICE, "cat mine")) == "work\n"
    assert buffered(deployed) == ""
    assert not mounts(deployed, ALICE, BOB)
    assert deployed.host.run("sh", "-c", script).returncode == 0


def test_they_go_with_their_container_and_with_the_lab(deployed: Deployed) -> None:
    assert deployed.does(students.remove_containers, lab="minet", containers=(ALICE,))
    listed = deployed.host.prints(f"ls {homes_folder('minet')}").split()
    assert listed == [f"{BOB.name}{suffix}" for suffix in ("", ".img", ".pts")]
    assert mounts(deployed, ALICE, BOB)
    assert deployed.host.prints(as_student(ALICE, "ls -A")) == ""
    assert deployed.does(docker.teardown, lab="minet")
    assert deployed.host.prints(f"ls {homes_folder('minet')} {unit_file('minet')} 2>/dev/null || true") == ""
    assert deployed.host.prints("findmnt --list --noheadings --output TARGET | grep minet-lab || true") == ""
