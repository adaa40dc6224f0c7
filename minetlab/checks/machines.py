"""The machines under test: what each is called, what the plan wants of it, and how it is looked at."""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from testinfra.host import Host

from minetlab.checks.modules import Confinement, Cpu, Docker, Kernel, Libvirt, Qemu, Reader, Units
from minetlab.checks.site import ServedSite
from minetlab.lab import ContainerHostSettings, KvmHostSettings
from minetlab.plan import Container, Guest
from minetlab.resources.docker import ACCESS
from minetlab.resources.guests_run import why
from minetlab.resources.jump import jump_account, keys_file
from minetlab.ssh.backend import SHEET_LIMIT, BatchingBackend

LIBVIRT_UNITS = ("libvirtd.service", "libvirtd.socket", "virtqemud.service", "virtqemud.socket")
DOCKER_UNIT = "docker.service"
KVM_DEVICE = "stat --format='%G %a' /dev/kvm"
QEMU_GROUPS = "id --name --groups libvirt-qemu"
SSHD = "/usr/sbin/sshd -T"
ADDRESSES = "ip -json address show"
CONTAINER_SSHD = f"{SSHD} -f /etc/minet-lab/sshd_config"
CONTAINER_KEYS = f"cat {ACCESS}/authorized_keys"
HOSTNAME = "uname -n"
KERNEL_NAME = "uname -s -o"
PROCESSES = "ps -e -o args="
# A process a line: its number, its parent's, and its name.
TREE = "ps -e -o pid=,ppid=,comm="
# Perl is in every Debian. A process and its child print where their variable is, and what it holds.
FORK = """\
perl -e '$value = "parent"; $child = fork; $value = "child" unless $child;
printf "%s %s\\n", \\$value, $value; waitpid $child, 0 if $child'"""


# Makes a copy of what the student's home folder was at first the home folder of a shell, until it ends.
NEW_HOME = (
    "export HOME=$(mktemp --directory) && trap 'rm -rf \"$HOME\"' EXIT && "
    'cp --recursive --preserve=mode /etc/skel/. "$HOME"'
)


@dataclass(frozen=True)
class HardwareVirtualization:
    """A CPU vendor's hardware virtualization (C14).

    :param flag: in /proc/cpuinfo.
    :param module: the kernel's module for it.
    :param name: what lscpu calls it.
    """

    flag: str
    module: str
    name: str

    @property
    def nested(self) -> str:
        """The command that reads whether the loaded module lets guests virtualize."""
        return Kernel.parameter_command(self.module, "nested")


HARDWARE = {
    "AuthenticAMD": HardwareVirtualization("svm", "kvm_amd", "AMD-V"),
    "GenuineIntel": HardwareVirtualization("vmx", "kvm_intel", "VT-x"),
}


@dataclass(frozen=True)
class MachineUnderTest:
    """A machine under test.

    :param name: its alias: what its checks are called, and what ssh knows it as.
    :param host: Testinfra's host.
    """

    name: str
    host: Host

    def differs(self, thing: str, expected: object, observed: object) -> str:
        """What a failing check says."""
        return f"{self.name}: {thing}: expected {expected}, observed {observed}"

    def reads(self, command: str) -> str:
        """What a command prints there."""
        return str(Reader.on(self.host).read(command))

    def answers(self) -> None:
        """See that the machine can be looked at.

        :raises AssertionError: it cannot; says why and what to do.
        """
        Kernel.on(self.host).boot_id()

    @property
    def hardware(self) -> HardwareVirtualization | None:
        """Its CPU's hardware virtualization; None where the CPU does not show it."""
        cpu = Cpu.on(self.host).fields()
        known = HARDWARE.get(cpu.get("Vendor ID", ""))
        return known if known and known.flag in cpu.get("Flags", "").split() else None


@dataclass
class Terminal:
    """Where a student types, in a home folder as it was at first: their own is left alone.

    :param host: the machine.
    :param shell: the command, in words, that runs what the last word of it says as the student.
    """

    host: Host
    shell: tuple[str, ...]
    _typed: dict[str, str] = field(default_factory=dict)

    def types(self, script: str) -> str:
        """What a script prints; it is run once, however often it is asked for.

        :raises UnreachableError: the machine does not answer, or the script does not end.
        """
        if script not in self._typed:
            self._typed[script] = str(self.host.run(self.command(script), limit=SHEET_LIMIT).stdout)
        return self._typed[script]

    def command(self, script: str) -> str:
        """The command that runs a script."""
        return shlex.join([*self.shell, f"{NEW_HOME}\n{script}"])


@dataclass(frozen=True)
class KvmMachine(MachineUnderTest):
    """A KVM host with the lab's guests on it."""

    lab: str
    settings: KvmHostSettings
    guests: tuple[Guest, ...]
    require_kvm: bool

    def chain(self, file: str) -> list[dict[str, Any]]:
        """The backing chain of a guest's disk; those of all the lab's guests are read together."""
        libvirt = Libvirt.on(self.host)
        if isinstance(self.host.backend, BatchingBackend):
            domains = libvirt.domains()
            planned = [domains[guest.name] for guest in self.guests if guest.name in domains]
            disks = [disk for domain in planned for disk in libvirt.disks(domain)]
            self.host.backend.together(libvirt.chain_command(disk) for disk in disks)
        return list(libvirt.chain(file))


@dataclass(frozen=True)
class GuestMachine(MachineUnderTest):
    """A guest.

    :param on: its host.
    :param student_key: the public key that opens the student's account.
    """

    guest: Guest
    on: KvmMachine
    student_key: str
    terminal: Terminal

    @property
    def off(self) -> str:
        """Why it cannot be asked anything, where it is off on purpose; empty: it is asked as any other.

        Its host says so: one that is not to run, and was started all the same, is verified.
        """
        if self.guest.to_run or self.name not in Libvirt.on(self.on.host).names(Libvirt.OFF):
            return ""
        return f"{self.name}: defined, not started ({why(self.on.name)})"


@dataclass(frozen=True)
class ContainerHostMachine(MachineUnderTest):
    """A container host with the lab's containers on it.

    :param site: the TP site that it serves; None: it serves none.
    """

    lab: str
    settings: ContainerHostSettings
    site: ServedSite | None


@dataclass(frozen=True)
class JumpHostMachine(MachineUnderTest):
    """A host through which students reach their machines.

    :param keys: the file of the keys that lead them, as planned.
    """

    lab: str
    keys: str


@dataclass(frozen=True)
class ContainerMachine(MachineUnderTest):
    """A student's container.

    :param on: its host.
    :param student_key: the public key that opens it.
    """

    container: Container
    on: ContainerHostMachine
    student_key: str
    terminal: Terminal


def jump_settings(lab: str) -> str:
    """The command that reads what sshd does for the account that leads on: sshd(8), ``-T``, ``-C``."""
    return f"{SSHD} -C user={jump_account(lab)},host=localhost,addr=127.0.0.1"


def jump_keys(lab: str) -> str:
    """The command that reads whose the file of its keys is, and then the file."""
    return f"stat --format='%U %a' {keys_file(lab)} && cat {keys_file(lab)}"


def jump_login(lab: str) -> str:
    """The command that reads the account's shell and the state of its password."""
    account = jump_account(lab)
    return f"getent passwd {account} | cut -d: -f7 && passwd --status {account}"


def keys_of(login: str) -> str:
    """The command that reads the public keys that open an account."""
    return f'cat "$(getent passwd {login} | cut -d: -f6)/.ssh/authorized_keys"'


def open_kvm_as(login: str) -> str:
    """The command by which an account opens /dev/kvm as QEMU does; root would create a missing one."""
    return f"/usr/sbin/runuser --user {login} -- sh -c 'exec 3<>/dev/kvm && echo opened'"


def processes_with(name: str) -> str:
    """The command that starts a process under that name, for ten minutes at most, and lists all there are."""
    return f"bash -c '(exec -a {name} sleep 600) >/dev/null 2>&1 </dev/null &'; {PROCESSES}"


def end_process(name: str) -> str:
    """The command that ends it before."""
    return f"pkill --exact --full '{name} 600'"


def reach_hardware_as(login: str) -> str:
    """The command that reaches for physical memory and an I/O port, as root and from an account.

    Memory by its device, mem(4); the port by ioperm(2), which is number 173 (linux, ``syscall_64.tbl``).
    """
    return f"""\
reach='open(M, "<", "/dev/mem") && read(M, $_, 1) and print "memory ";
syscall(173, 0x80, 1, 1) == 0 and print "port"; print "\\n"'
echo root $(perl -e "$reach"); echo {login} $(runuser --user {login} -- perl -e "$reach")"""


def password_of(login: str) -> str:
    """The command that reads the state of an account's password: passwd(1), ``--status``."""
    return f"passwd --status {login}"


# What the checks read of each kind of machine, in sets that are fetched in one round trip. The first set of a
# host is what the checks of its guests and containers compare with.
KVM_HOST_BATCHES = (
    (*Cpu.COMMANDS, *Kernel.IDENTITY),
    (
        *(Kernel.MODULES, Kernel.OPTIONS, KVM_DEVICE, QEMU_GROUPS, Units.command(*LIBVIRT_UNITS)),
        *(hardware.nested for hardware in HARDWARE.values()),
        *(Kernel.users_command(hardware.module) for hardware in HARDWARE.values()),
    ),
    (*Libvirt.COMMANDS, Qemu.DOMAINS, Qemu.FILES, Qemu.EXITS),
    # Asked where guests are not to run, and then by every one of them.
    (Libvirt.OFF,),
)
CONTAINER_BATCHES = (
    (
        *Kernel.IDENTITY,
        Kernel.OWN_NAMESPACES,
        FORK,
        TREE,
        *Confinement.COMMANDS,
        CONTAINER_KEYS,
        CONTAINER_SSHD,
    ),
)


def container_host_batches(site: ServedSite | None) -> Iterable[Iterable[str]]:
    """The same of a container host that serves this TP site."""
    return (
        (*Kernel.IDENTITY, Kernel.HOST_NAMESPACES),
        (*Docker.COMMANDS, Units.command(DOCKER_UNIT), *((site.command,) if site else ())),
    )


def jump_host_batches(lab: str) -> Iterable[Iterable[str]]:
    """The same of a host through which students reach their machines."""
    return ((*Kernel.IDENTITY, jump_settings(lab), jump_keys(lab), jump_login(lab)),)


def guest_batches(login: str) -> Iterable[Iterable[str]]:
    """The same of a guest, whose student has this account."""
    return (
        (
            *(*Cpu.COMMANDS, *Kernel.IDENTITY, Kernel.MODULES, HOSTNAME, ADDRESSES, SSHD),
            *(KERNEL_NAME, FORK, TREE, reach_hardware_as(login)),
            *(keys_of(login), password_of(login), open_kvm_as(login)),
            *(hardware.nested for hardware in HARDWARE.values()),
        ),
    )
