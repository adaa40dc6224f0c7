"""Checks of a student's container: it runs, on the host's kernel, within limits as that kernel sees them."""

from typing import Any

import pytest

from minetlab.checks import machines
from minetlab.checks.assertions import (
    assert_isolated_memories,
    assert_no_passwords,
    assert_opened_by_key,
    assert_process_tree,
)
from minetlab.checks.machines import CONTAINER_KEYS, CONTAINER_SSHD, FORK, HOSTNAME, ContainerMachine
from minetlab.checks.modules import Confinement, Docker, Kernel, capabilities
from minetlab.checks.slices import Slices
from minetlab.resources.slices import container_slice

MIB = 2**20


def inspected(container: ContainerMachine) -> dict[str, Any]:
    """What ``docker inspect`` says of it."""
    found = Docker.on(container.host_machine.host).containers()
    assert container.name in found, (
        f"{container.host_machine.name}: {container.name}: no such container\n  → run the deploy"
    )
    return dict(found[container.name])


def test_container_runs(container: ContainerMachine) -> None:
    """It runs, and will after a reboot."""
    details = inspected(container)
    status = details["State"]["Status"]
    assert status == "running", container.differs("state", "running", status)
    policy = details["HostConfig"]["RestartPolicy"]["Name"]
    assert policy in {"unless-stopped", "always"}, container.differs(
        "restart policy", "unless-stopped", policy
    )


def test_hostname_tells_whose_it_is_and_of_which_tp(container: ContainerMachine) -> None:
    """The student's prompt shows it, and tells this machine from their others."""
    planned = f"{container.container.student.login}-{container.container.tp_image}"
    name = container.reads(HOSTNAME)
    assert name == planned, container.differs("host name", planned, name)


def test_container_is_on_the_labs_network(container: ContainerMachine) -> None:
    networks = sorted(inspected(container)["NetworkSettings"]["Networks"])
    lab = container.host_machine.lab
    assert networks == [lab], container.differs("networks", [lab], networks)


def test_logs_are_bounded(container: ContainerMachine) -> None:
    """What a container prints fills no disk: three files of 10 MB at most."""
    log = inspected(container)["HostConfig"]["LogConfig"]
    expected = {"Type": "local", "Config": {"max-size": "10m", "max-file": "3"}}
    assert log == expected, container.differs("log", expected, log)


def test_limits_hold_in_the_kernel(container: ContainerMachine) -> None:
    limits = container.host_machine.settings.container
    planned = {
        "memory.max": str(limits.memory * MIB),
        "pids.max": str(limits.pids),
        # So many microseconds of processor time in each tenth of a second.
        "cpu.max": f"{round(limits.cpus * 100_000) if limits.cpus else 'max'} 100000",
    }
    confinement = Confinement.on(container.host)
    observed = {name: confinement.limit(name) for name in planned}
    planned["open files"], observed["open files"] = str(limits.files), confinement.open_files()
    wrong = container.differences("{}", planned, observed)
    assert not wrong, "\n".join(wrong)


def test_what_it_may_do_to_the_hosts_disks_is_limited(container: ContainerMachine) -> None:
    iops = str(container.host_machine.settings.container.iops)
    # An operation has 64 KiB at most.
    size = str(int(iops) * 64 * 1024)
    planned = {"rbps": size, "wbps": size, "riops": iops, "wiops": iops}
    slice_name = container_slice(container.host_machine.lab, container.name)
    limits = Slices.on(container.host_machine.host).of_disks(slice_name)
    # That of the host, and the loop device with the home folder.
    number = len(limits)
    assert number > 1, container.differs("devices whose use its slice limits", "two or more", number)
    for disk in limits:
        wrong = container.differences("{} of a disk", planned, disk)
        assert not wrong, "\n".join(wrong)


def test_it_takes_no_swap_of_its_host(container: ContainerMachine) -> None:
    """Debian 12's systemd drops the container's own limit when it reads its units anew."""
    slice_name = container_slice(container.host_machine.lab, container.name)
    limit = Slices.on(container.host_machine.host).limits(slice_name, "memory.swap.max")
    assert limit == ["0"], container.differs("memory.swap.max of its slice", ["0"], limit)


def test_privileges_are_the_planned_ones(container: ContainerMachine) -> None:
    """It can have the planned capabilities and no other, has no other now, and can gain none."""
    status = Confinement.on(container.host).status()
    planned = set(container.host_machine.settings.container.capabilities)
    possible, held = capabilities(status["CapBnd"]), capabilities(status["CapEff"])
    assert possible == planned, container.differs("possible capabilities", sorted(planned), sorted(possible))
    assert held <= planned, container.differs("effective capabilities", sorted(planned), sorted(held))
    gains = status["NoNewPrivs"]
    assert gains == "1", container.differs("NoNewPrivs", "1", gains)


def test_kernel_gives_it_no_memory_that_no_limit_counts(container: ContainerMachine) -> None:
    """Its seccomp profile refuses netlink sockets, record locks and asynchronous reads."""
    mode = Confinement.on(container.host).status()["Seccomp"]
    assert mode == "2", container.differs("Seccomp", "2", mode)
    got = container.reads(machines.UNCOUNTED)
    assert got == "ran", container.differs("which uncounted memory it gets", "none", got.split()[1:] or got)


def test_user_is_not_root(container: ContainerMachine) -> None:
    users = Confinement.on(container.host).status()["Uid"].split()
    assert "0" not in users, container.differs("user IDs of the first process", "none of them 0", users)


def test_user_is_of_no_other_container(container: ContainerMachine) -> None:
    """What the kernel counts by user, no other container can use up: the port is of no other on its host."""
    planned = str(0x70000000 + container.container.ssh_port)
    users = Confinement.on(container.host).status()["Uid"].split()
    assert set(users) == {planned}, container.differs("user IDs of the first process", planned, users)


def test_it_writes_to_a_file_system_of_its_own_and_of_the_planned_size(container: ContainerMachine) -> None:
    confinement = Confinement.on(container.host)
    root, home = (confinement.mount_options(place) for place in ("/", "/home/etudiant"))
    assert "ro" in root, container.differs("its root file system", "read-only", sorted(root))
    assert {"rw", "nosuid", "nodev"} <= home, container.differs(
        "its home folder's file system", "rw,nosuid,nodev", sorted(home)
    )
    disk = container.host_machine.settings.container.disk
    size = confinement.home_size() // MIB
    # The file system itself takes some of it; a larger one is left so.
    assert size >= 0.8 * disk, container.differs("MiB of its home folder", disk, size)


def test_it_has_terminals_of_its_own_and_not_all_of_its_hosts(container: ContainerMachine) -> None:
    options = Confinement.on(container.host).mount_options("/dev/pts")
    assert "max=64" in options, container.differs("options of /dev/pts", "max=64 among them", sorted(options))


def test_student_can_log_in(container: ContainerMachine) -> None:
    assert_opened_by_key(container, container.reads(CONTAINER_KEYS), container.student_key)


def test_passwords_open_nothing(container: ContainerMachine) -> None:
    assert_no_passwords(container, container.reads(CONTAINER_SSHD))


@pytest.mark.claim("C08")
def test_kernel_is_the_hosts(container: ContainerMachine) -> None:
    own, hosts = Kernel.on(container.host), Kernel.on(container.host_machine.host)
    assert own.boot_id() == hosts.boot_id(), container.differs("boot_id", hosts.boot_id(), own.boot_id())
    assert own.release() == hosts.release(), container.differs("uname -r", hosts.release(), own.release())


@pytest.mark.claim("C04")
def test_processes_are_a_tree(container: ContainerMachine) -> None:
    assert_process_tree(container)


@pytest.mark.claim("C05")
def test_processes_have_memories_of_their_own(container: ContainerMachine) -> None:
    assert_isolated_memories(container, container.reads(FORK))


@pytest.mark.claim("C09")
def test_namespaces_are_its_own(container: ContainerMachine) -> None:
    own = Kernel.on(container.host).namespaces(Kernel.OWN_NAMESPACES)
    hosts = Kernel.on(container.host_machine.host).namespaces(Kernel.HOST_NAMESPACES)
    shared = [kind for kind, inode in own.items() if inode == hosts[kind]]
    assert not shared, container.differs(
        f"namespaces shared with {container.host_machine.name}", "none", shared
    )


@pytest.mark.claim("C09")
def test_host_sees_its_process(container: ContainerMachine) -> None:
    """The host sees the container's first process too, under a number of its own."""
    pids = Docker.on(container.host_machine.host).pids()
    assert container.name in pids, container.differs(
        "its first process on the host", "there", f"of {sorted(pids)} only"
    )
    host, *inner = pids[container.name]
    assert inner == [1], container.differs("number of its first process, inside", [1], inner)
    assert host != 1, container.differs("number of its first process, on the host", "not 1", host)


def test_its_host_does_not_answer_it(container: ContainerMachine) -> None:
    """The firewall lets nothing of the lab's machines to their host but DNS and DHCP."""
    answers = container.reads(machines.GATEWAY_ANSWERS).strip()
    assert answers == "no", container.differs("whether its host's sshd answers it", "no", answers)
