"""The machines under test: their names, what the plan wants of them, and the commands that look at them."""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from testinfra.host import Host

from minetlab.checks import binary
from minetlab.checks.modules import (
    Confinement,
    Cpu,
    Docker,
    Kernel,
    Libvirt,
    ModuleLoader,
    Qemu,
    Reader,
    Units,
)
from minetlab.checks.site import ServedSite
from minetlab.checks.slices import Slices
from minetlab.lab import ContainerHostSettings, KvmHostSettings
from minetlab.plan import Container, Guest
from minetlab.resources.docker import ACCESS
from minetlab.resources.guests import reason_off
from minetlab.ssh.backend import SHEET_LIMIT
from minetlab.util.text import COLOUR

LIBVIRT_UNITS = ("libvirtd.service", "libvirtd.socket", "virtqemud.service", "virtqemud.socket")
DOCKER_UNIT = "docker.service"
KVM_DEVICE = "stat --format='%G %a' /dev/kvm"
QEMU_GROUPS = "id --name --groups libvirt-qemu"
# Prints each socket of libvirt, and whether an account that is nobody's connects to it.
LIBVIRT_TO_NOBODY = """\
/usr/sbin/runuser --user nobody -- perl -MSocket -e 'for (glob "/run/libvirt/*-sock*") {
    socket my $socket, AF_UNIX, SOCK_STREAM, 0;
    print "$_ ", connect($socket, sockaddr_un $_) ? "open" : "closed", "\\n"
}'"""
SSHD = "/usr/sbin/sshd -T"
ADDRESSES = "ip -json address show"
CONTAINER_SSHD = f"{SSHD} -f /etc/minet-lab/sshd_config"
CONTAINER_KEYS = f"cat {ACCESS}/authorized_keys"
HOSTNAME = "uname -n"
KERNEL_NAME = "uname -s -o"
# A student's processes can have arguments of megabytes, which a host's answer has room for a few of.
PROCESSES = "ps -e --cols=300 -o args="
# Prints a line for each process: its number, its parent's, and its name.
TREE = "ps -e -o pid=,ppid=,comm="
# In Perl, which every Debian has. A process and its child print the address of their variable, and its value.
FORK = """\
perl -e '$value = "parent"; $child = fork; $value = "child" unless $child;
printf "%s %s\\n", \\$value, $value; waitpid $child, 0 if $child'"""
# Prints whether the default gateway answers SSH: the host, unless guests are on a bridge. The kernel writes
# the address backwards, in hexadecimal digits.
GATEWAY_ANSWERS = """\
perl -MIO::Socket::INET -e 'open $routes, "/proc/net/route";
for (<$routes>) {
    @field = split;
    $gateway = join ".", reverse map hex, $field[2] =~ /../g if $field[1] eq "00000000";
}
print IO::Socket::INET->new(PeerAddr => "$gateway:22", Timeout => 5) ? "yes\\n" : "no\\n" if $gateway'"""
# Prints, after a word that says that Perl runs, which of the kernel's memory it gets that no limit counts.
UNCOUNTED = r"""perl -e 'print "ran"; print " netlink" if socket $s, 16, 3, 0;
$lock = pack "ssx4qqix4", 1, 0, 0, 1, 0; open $file, "+>", undef; print " lock" if fcntl $file, 6, $lock;
$context = "\0" x 8; print " aio" if syscall(206, 1, $context) == 0'"""

# Gives a shell a new home folder, as a student's is at first, and removes it when the shell ends.
NEW_HOME = (
    "export HOME=$(mktemp --directory) && trap 'rm -rf \"$HOME\"' EXIT && "
    'cp --recursive --preserve=mode /etc/skel/. "$HOME"'
)


@dataclass(frozen=True)
class HardwareVirtualization:
    """A CPU vendor's hardware virtualization (C14).

    :param flag: its flag in /proc/cpuinfo.
    :param module: the kernel's module for it.
    :param name: what lscpu calls it.
    """

    flag: str
    module: str
    name: str

    @property
    def nested(self) -> str:
        """The command that reads whether the loaded module lets guests virtualize."""
        return f"cat /sys/module/{self.module}/parameters/nested"

    @property
    def users(self) -> str:
        """The command that reads how often the loaded module is in use."""
        return f"cat /sys/module/{self.module}/refcnt"


HARDWARE = {
    "AuthenticAMD": HardwareVirtualization("svm", "kvm_amd", "AMD-V"),
    "GenuineIntel": HardwareVirtualization("vmx", "kvm_intel", "VT-x"),
}


@dataclass(frozen=True)
class MachineUnderTest:
    """A machine under test.

    :param name: its alias, which is in the names of its checks and in the SSH configuration.
    :param host: Testinfra's object for the machine, which runs commands on it.
    """

    name: str
    host: Host

    def differs(self, thing: str, expected: object, observed: object) -> str:
        """Return the message of a check that fails."""
        return f"{self.name}: {thing}: expected {expected}, observed {observed}"

    def differences(
        self, called: str, expected: Mapping[str, object], observed: Mapping[str, object]
    ) -> list[str]:
        """Return the messages of a check of several things.

        :param called: what each is called in its message; ``{}`` stands for its key.
        :param expected: what is expected, by key.
        :param observed: what was observed, by key.
        :return: a message for each thing that is not as expected.
        """
        return [
            self.differs(called.format(key), value, observed.get(key))
            for key, value in expected.items()
            if observed.get(key) != value
        ]

    def reads(self, command: str) -> str:
        """Run a command on the machine, and return what it prints."""
        return str(Reader.on(self.host).read(command))

    def answers(self) -> None:
        """Make sure that the machine answers.

        :raises AssertionError: it does not; says why and what to do.
        """
        Kernel.on(self.host).boot_id()

    @property
    def hardware(self) -> HardwareVirtualization | None:
        """The hardware virtualization of its CPU; None if the CPU has none, or does not show it."""
        cpu = Cpu.on(self.host).fields()
        hardware = HARDWARE.get(cpu.get("Vendor ID", ""))
        return hardware if hardware and hardware.flag in cpu.get("Flags", "").split() else None


@dataclass(frozen=True)
class Terminal:
    """A student's shell on a machine, in a home folder of its own: the student's is left alone.

    :param host: Testinfra's object for the machine.
    :param shell: words of the command that runs a script as the student; the script becomes its last word.
    """

    host: Host
    shell: tuple[str, ...]
    _outputs: dict[str, str] = field(default_factory=dict)

    def types(self, script: str) -> str:
        """Run a script at the first call; later calls return what it printed then.

        It prints to a terminal of 80 columns, as a student's may be: programs cut and arrange what they print
        there, which they do not when they print to a file.

        :param script: the script.
        :return: what it printed.
        :raises UnreachableError: the machine does not answer, or the script does not end.
        """
        if script not in self._outputs:
            done = self.host.run(self.command(script), limit=SHEET_LIMIT, terminal=True)
            self._outputs[script] = COLOUR.sub("", str(done.stdout).replace("\r\n", "\n"))
        return self._outputs[script]

    def command(self, script: str) -> str:
        """Return the command that runs a script."""
        return shlex.join([*self.shell, f"stty columns 80 rows 24\n{NEW_HOME}\n{script}"])


@dataclass(frozen=True)
class KvmMachine(MachineUnderTest):
    """A KVM host with the lab's guests on it.

    :param lab: name of the lab.
    :param settings: the host's settings.
    :param guests: the guests that are planned on it.
    :param require_kvm: whether the lab requires hardware virtualization.
    """

    lab: str
    settings: KvmHostSettings
    guests: tuple[Guest, ...]
    require_kvm: bool

    def chain(self, file: str) -> list[dict[str, Any]]:
        """Return the backing chain of a guest's disk, as :meth:`Libvirt.chain` does.

        A round trip to the host costs more than the command. The chains of all guests are therefore read with
        the first one that is asked for.

        :param file: path of the disk.
        :return: what qemu-img says of each image of the chain, the disk first.
        :raises AssertionError: an image is missing.
        """
        libvirt = Libvirt.on(self.host)
        domains = libvirt.domains()
        planned = [domains[guest.name] for guest in self.guests if guest.name in domains]
        disks = [disk for domain in planned for disk in libvirt.disks(domain)]
        self.host.backend.add_batch(libvirt.chain_command(disk) for disk in disks)
        return list(libvirt.chain(file))


@dataclass(frozen=True)
class GuestMachine(MachineUnderTest):
    """A guest.

    :param guest: the guest as planned.
    :param host_machine: its host.
    :param student_key: public key that opens the student's account.
    :param terminal: the student's shell in the guest.
    """

    guest: Guest
    host_machine: KvmMachine
    student_key: str
    terminal: Terminal

    @property
    def off(self) -> str:
        """Why the guest is off on purpose, so that nothing inside can be checked; empty: it has to answer.

        It is off on purpose if the plan does not want it to run, and its host says that it does not run. If
        somebody has started it by hand, it is checked as any other guest.
        """
        if self.guest.to_run or self.name not in Libvirt.on(self.host_machine.host).names(Libvirt.OFF):
            return ""
        return f"{self.name}: defined, not started ({reason_off(self.host_machine.name)})"


@dataclass(frozen=True)
class ContainerHostMachine(MachineUnderTest):
    """A container host with the lab's containers on it.

    :param lab: name of the lab.
    :param settings: the host's settings.
    :param site: the TP site that it serves; None: it serves none.
    """

    lab: str
    settings: ContainerHostSettings
    site: ServedSite | None


@dataclass(frozen=True)
class JumpHostMachine(MachineUnderTest):
    """A host through which students reach their machines.

    :param lab: name of the lab.
    :param keys: planned content of the file with the keys that open its jump account.
    :param students: how many students the lab has.
    """

    lab: str
    keys: str
    students: int


@dataclass(frozen=True)
class ContainerMachine(MachineUnderTest):
    """A student's container.

    :param container: the container as planned.
    :param host_machine: its host.
    :param student_key: public key that opens it.
    :param terminal: the student's shell in the container.
    """

    container: Container
    host_machine: ContainerHostMachine
    student_key: str
    terminal: Terminal


def keys_of(login: str) -> str:
    """Return the command that reads the public keys that open an account."""
    return f'cat "$(getent passwd {login} | cut -d: -f6)/.ssh/authorized_keys"'


def open_kvm_as(login: str) -> str:
    """Return the command that opens /dev/kvm for writing as this account, which is what QEMU does.

    As root it would prove nothing: where there is no such device, root would create a file.

    :param login: name of the account.
    :return: the command; it prints "opened" if that worked.
    """
    return f"/usr/sbin/runuser --user {login} -- sh -c 'exec 3<>/dev/kvm && echo opened'"


def processes_with(name: str) -> str:
    """Return the command that starts a process of this name, for ten minutes, and lists all processes."""
    return f"bash -c '(exec -a {name} sleep 600) >/dev/null 2>&1 </dev/null &'; {PROCESSES}"


def end_process(name: str) -> str:
    """Return the command that ends the process that :func:`processes_with` started."""
    return f"pkill --exact --full '{name} 600'"


def reach_hardware_as(login: str) -> str:
    """Return the command that tries to reach physical memory and an I/O port, as root and from an account.

    Memory is reached by its device, mem(4), and the port by ioperm(2), which is system call 173
    (Linux, ``syscall_64.tbl``).

    :param login: name of the account.
    :return: the command; it prints a line for root and one for the account, with what each has reached.
    """
    return f"""\
reach='open(M, "<", "/dev/mem") && read(M, $_, 1) and print "memory ";
syscall(173, 0x80, 1, 1) == 0 and print "port"; print "\\n"'
echo root $(perl -e "$reach"); echo {login} $(runuser --user {login} -- perl -e "$reach")"""


def password_of(login: str) -> str:
    """Return the command that reads the state of an account's password: passwd(1), ``--status``."""
    return f"passwd --status {login}"


# The commands that the checks run on each kind of machine, in batches: each batch makes one round trip. The
# first batch of a host is what the checks of its guests and containers compare with.
KVM_HOST_BATCHES = (
    (Cpu.LSCPU, *Kernel.IDENTITY, binary.RUN),
    (
        *(
            Kernel.MODULES,
            Kernel.OPTIONS,
            Kernel.APPARMOR,
            KVM_DEVICE,
            QEMU_GROUPS,
            LIBVIRT_TO_NOBODY,
            Units.command(*LIBVIRT_UNITS),
        ),
        *(hardware.nested for hardware in HARDWARE.values()),
        *(hardware.users for hardware in HARDWARE.values()),
    ),
    (*Libvirt.COMMANDS, Qemu.DOMAINS, Qemu.FILES, Qemu.PROFILES, Qemu.EXITS),
    # By itself, since only guests that the plan does not want to run need it.
    (Libvirt.OFF,),
)
CONTAINER_BATCHES = (
    (
        *Kernel.IDENTITY,
        HOSTNAME,
        Kernel.OWN_NAMESPACES,
        FORK,
        TREE,
        GATEWAY_ANSWERS,
        UNCOUNTED,
        *Confinement.COMMANDS,
        CONTAINER_KEYS,
        CONTAINER_SSHD,
    ),
)


def container_host_batches(site: ServedSite | None) -> Iterable[Iterable[str]]:
    """Return the batches of a container host that serves this TP site, or none."""
    return (
        (*Kernel.IDENTITY, Kernel.HOST_NAMESPACES),
        (
            *Docker.COMMANDS,
            *Slices.COMMANDS,
            ModuleLoader.PROGRAM,
            Units.command(DOCKER_UNIT),
            *(site.commands if site else ()),
        ),
    )


def guest_batches(login: str) -> Iterable[Iterable[str]]:
    """Return the batches of a guest whose student has this account."""
    return (
        (
            *(Cpu.LSCPU, *Kernel.IDENTITY, binary.RUN, Kernel.MODULES, HOSTNAME, ADDRESSES, SSHD),
            *(KERNEL_NAME, FORK, TREE, GATEWAY_ANSWERS, reach_hardware_as(login)),
            *(keys_of(login), password_of(login), open_kvm_as(login)),
            *(hardware.nested for hardware in HARDWARE.values()),
        ),
    )
