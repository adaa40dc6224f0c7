"""Testinfra modules for what it lacks: CPU, kernel modules, namespaces, libvirt, dockerd, a process's limits.

Each module names the commands with which it reads, so that all commands of a machine can make one round trip.
They share nothing with the facts of the deploys: a mistake there must not hide itself from the checks.
"""

import json
import shlex
from typing import Any
from xml.etree import ElementTree as ET

from testinfra.host import Host
from testinfra.modules.base import Module

from minetlab.resources.docker import LAB_LABEL

VIRSH_COMMAND = "virsh --quiet --connect qemu:///system"
NAMESPACES = ("pid", "mnt", "net", "uts", "ipc")


class Reader(Module):  # type: ignore[misc]
    """A Testinfra module that reads one machine, such as ``Cpu.on(host)``."""

    @classmethod
    def on(cls, host: Host) -> Any:
        """Return the module bound to this host, as Testinfra's ``host.<module>`` does for its own."""
        return cls.get_module(host)

    @classmethod
    def read(cls, command: str) -> str:
        """Run a command, and note for the report what it printed.

        :param command: the command, for a shell.
        :return: what it printed, without line ends at its end.
        :raises AssertionError: it failed; names the machine, the command, and its error message.
        """
        __tracebackhide__ = True
        result = cls._host.run(command)
        cls._host.backend.note(command, result.stdout or result.stderr)
        if result.failed:
            error = result.stderr.strip() or "no message"
            machine = cls._host.backend.hostname
            raise AssertionError(f"{machine}: `{command}` failed with {result.rc}: {error}")
        return str(result.stdout).rstrip("\n")


class ModuleLoader(Reader):
    """Whether the machine's kernel loads modules when a program needs one: proc_sys_kernel(5)."""

    # The kernel of a container is not its own.
    PROGRAM = "systemd-detect-virt --quiet --container || cat /proc/sys/kernel/modprobe"

    @classmethod
    def program(cls) -> str:
        """Return the program by which the kernel loads them; empty if it loads none."""
        return cls.read(cls.PROGRAM)


class Cpu(Reader):
    """The CPU as ``lscpu`` describes it."""

    LSCPU = "LC_ALL=C lscpu --json"

    @classmethod
    def fields(cls) -> dict[str, str]:
        """Return the value of each field, whether this version of lscpu prints a list or a tree."""
        fields: dict[str, str] = {}
        entries = list(json.loads(cls.read(cls.LSCPU))["lscpu"])
        for entry in entries:
            fields[entry["field"].rstrip(":")] = str(entry["data"] or "")
            entries += entry.get("children", [])  # which the loop comes to
        return fields


class Kernel(Reader):
    """The running kernel: its identity, its modules and its namespaces."""

    BOOT_ID = "cat /proc/sys/kernel/random/boot_id"
    RELEASE = "uname -r"
    MODULES = "ls /sys/module"
    # What modprobe will set when it loads a module: from modprobe.d and the kernel's command line, in order.
    OPTIONS = "/sbin/modprobe --showconfig | sed -n '/^options /p'"
    # Of process 1 if that is readable: the session that runs the command may have namespaces of its own.
    HOST_NAMESPACES = f"cd /proc/1/ns 2>/dev/null || cd /proc/self/ns; readlink {' '.join(NAMESPACES)}"
    # Of the command itself: inside a container, those of the container.
    OWN_NAMESPACES = f"cd /proc/self/ns && readlink {' '.join(NAMESPACES)}"
    APPARMOR = "cat /sys/module/apparmor/parameters/enabled 2>/dev/null; ls /sys/kernel/security || true"
    IDENTITY = (BOOT_ID, RELEASE)

    @classmethod
    def boot_id(cls) -> str:
        """Return the kernel's boot_id.

        It is random, and a new one at each boot: two machines have the same only if they share a kernel.
        """
        return cls.read(cls.BOOT_ID)

    @classmethod
    def release(cls) -> str:
        """Return the kernel's release."""
        return cls.read(cls.RELEASE)

    @classmethod
    def has_module(cls, name: str) -> bool:
        """Tell whether a module is loaded."""
        return name in cls.read(cls.MODULES).split()

    @classmethod
    def has_apparmor(cls) -> bool:
        """Tell whether AppArmor is on, and this machine may use it: a container shows that of its host."""
        enabled, *security = cls.read(cls.APPARMOR).splitlines() or [""]
        return enabled == "Y" and "apparmor" in security

    @classmethod
    def option(cls, module: str, option: str) -> str | None:
        """Return the value that modprobe will give an option when it loads a module again.

        :param module: name of the module, with underscores.
        :param option: name of the option.
        :return: the value; None: modprobe sets none, so that the module has its default.
        """
        options: dict[str, str] = {}
        for line in cls.read(cls.OPTIONS).splitlines():
            _, name, *settings = line.split()
            if name.replace("-", "_") == module:
                # A later setting replaces an earlier one.
                options |= (setting.partition("=")[::2] for setting in settings)
        return options.get(option)

    @classmethod
    def namespaces(cls, command: str) -> dict[str, str]:
        """Return the namespaces that one of the two commands reads: kinds, and each as ``kind:[inode]``."""
        return dict(zip(NAMESPACES, cls.read(command).splitlines(), strict=True))


class Units(Reader):
    """The units of systemd."""

    @staticmethod
    def command(*units: str) -> str:
        """Return the command that reads the states of these units."""
        return f"systemctl show --property=Id,ActiveState,UnitFileState {' '.join(units)}"

    @classmethod
    def states(cls, *units: str) -> dict[str, tuple[str, str]]:
        """Return the active state and the unit file's state of each unit, in systemctl's words."""
        blocks = cls.read(cls.command(*units)).split("\n\n")
        properties = [dict(line.split("=", 1) for line in block.splitlines()) for block in blocks]
        return {unit["Id"]: (unit["ActiveState"], unit["UnitFileState"]) for unit in properties}


class Libvirt(Reader):
    """The system's libvirt, as virsh shows it."""

    VERSION = f"{VIRSH_COMMAND} version --daemon"
    NETWORKS = f"{VIRSH_COMMAND} net-list --name"
    AUTOSTARTED_NETWORKS = f"{VIRSH_COMMAND} net-list --all --autostart --name"
    POOLS = f"{VIRSH_COMMAND} pool-list --name"
    AUTOSTARTED_POOLS = f"{VIRSH_COMMAND} pool-list --all --autostart --name"
    RUNNING = f"{VIRSH_COMMAND} list --state-running --name"
    OFF = f"{VIRSH_COMMAND} list --state-shutoff --name"
    AUTOSTARTED = f"{VIRSH_COMMAND} list --all --autostart --name"
    # One virsh prints all domains, as starting virsh takes a third of a second on an emulated host.
    DOMAINS = (
        f"""{VIRSH_COMMAND} "echo; $({VIRSH_COMMAND} list --all --uuid | sed -n 's/..*/dumpxml &;/p')\""""
    )
    COMMANDS = (
        VERSION, NETWORKS, AUTOSTARTED_NETWORKS, POOLS, AUTOSTARTED_POOLS, RUNNING, AUTOSTARTED, DOMAINS
    )  # fmt: skip

    @classmethod
    def names(cls, command: str) -> set[str]:
        """Return the names that one of the list commands prints."""
        return set(cls.read(command).split())

    @classmethod
    def domains(cls) -> dict[str, ET.Element]:
        """Return the XML of every domain, by name."""
        xml = ET.fromstring(f"<domains>{cls.read(cls.DOMAINS)}</domains>")  # noqa: S314 (our host's libvirt)
        return {domain.findtext("name", ""): domain for domain in xml}

    @staticmethod
    def disks(domain: ET.Element) -> list[str]:
        """Return the files of a domain's writable disks."""
        disks = [disk for disk in domain.findall("devices/disk") if disk.find("readonly") is None]
        sources = [disk.find("source") for disk in disks]
        return [source.get("file", "") for source in sources if source is not None]

    @staticmethod
    def chain_command(file: str) -> str:
        """Return the command that reads a disk's backing chain, also while the guest runs."""
        return f"qemu-img info --force-share --backing-chain --output=json {shlex.quote(file)}"

    @classmethod
    def chain(cls, file: str) -> list[dict[str, Any]]:
        """Read the backing chain of a disk.

        :param file: path of the disk.
        :return: what qemu-img says of each image of the chain, the disk first.
        :raises AssertionError: an image is missing.
        """
        return list(json.loads(cls.read(cls.chain_command(file))))


class Docker(Reader):
    """The running dockerd, and its containers."""

    INFO = "docker info --format '{{json .}}'"
    # Those of labs alone: a container of another check can end between the two commands.
    _RUNNING = f"docker ps --quiet --filter label={LAB_LABEL}"
    CONTAINERS = f"{_RUNNING} --all | xargs --no-run-if-empty docker inspect"
    # NSpid of proc_pid_status(5): the number of a process in each PID namespace, the host's first.
    PIDS = (
        f"{_RUNNING} | xargs --no-run-if-empty docker inspect --format '{{{{.Name}}}} {{{{.State.Pid}}}}' | "
        "while read -r name pid; do echo $name $(sed -n 's/^NSpid://p' /proc/$pid/status); done"
    )
    COMMANDS = (INFO, CONTAINERS, PIDS)

    @classmethod
    def info(cls) -> dict[str, Any]:
        """Return what ``docker info`` says: the configuration that is in effect."""
        return dict(json.loads(cls.read(cls.INFO)))

    @classmethod
    def containers(cls) -> dict[str, dict[str, Any]]:
        """Return what ``docker inspect`` says of each container, by name."""
        containers = json.loads(cls.read(cls.CONTAINERS) or "[]")
        return {container["Name"].lstrip("/"): container for container in containers}

    @classmethod
    def size(cls, container: str) -> dict[str, int]:
        """Return the bytes that a container has written (``SizeRw``), and with its image (``SizeRootFs``)."""
        sizes = cls.read(f"docker inspect --size --format '{{{{.SizeRw}}}} {{{{.SizeRootFs}}}}' {container}")
        return dict(zip(("SizeRw", "SizeRootFs"), map(int, sizes.split()), strict=True))

    @classmethod
    def seconds_to_run(cls, container: str) -> float:
        """Return how many seconds it takes to create, run and remove a container of the same image."""
        milliseconds = cls.read(
            f"image=$(docker inspect --format '{{{{.Config.Image}}}}' {container}); start=$(date +%s%3N); "
            'docker run --rm --network none --entrypoint /bin/true "$image" && '
            "echo $(($(date +%s%3N) - start))"
        )
        return int(milliseconds) / 1000

    @classmethod
    def pids(cls) -> dict[str, tuple[int, ...]]:
        """Return the numbers of each container's first process: on the host, then in the container."""
        lines = (line.split() for line in cls.read(cls.PIDS).splitlines())
        return {name.lstrip("/"): tuple(map(int, numbers)) for name, *numbers in lines if numbers}


class Qemu(Reader):
    """The QEMU processes of a host, as its kernel shows them."""

    DOMAINS = r"ps -C qemu-system-x86_64 -o args= | sed -n 's/.*-name guest=\([^, ]*\).*/\1/p'"
    # The files that the process of each domain has open; and KVM's count of its exits, twice, a second apart.
    FILES = """\
cd /run/libvirt/qemu && for each in *.pid; do
readlink /proc/"$(cat "$each")"/fd/* | sort -u | sed "s|^|${each%.pid} |"; done"""
    EXITS = """\
count() { for each in *.pid; do
echo "${each%.pid}" $(cat /sys/kernel/debug/kvm/"$(cat "$each")"-*/exits 2>/dev/null); done; }
cd /run/libvirt/qemu && count && sleep 1 && count"""
    # The AppArmor profile of each domain's process.
    PROFILES = """\
cd /run/libvirt/qemu && for each in *.pid; do
echo "${each%.pid}" $(cat /proc/"$(cat "$each")"/attr/current); done"""
    # Starts a QEMU that emulates, as the user nobody, and prints its user and the files that it has open.
    EMULATOR = """\
pids=$(mktemp --directory) && chown nobody $pids &&
runuser -u nobody -- timeout 120 qemu-system-x86_64 -accel tcg -nodefaults -display none -S \
  -pidfile $pids/pid -daemonize </dev/null >/dev/null 2>&1 && pid=$(cat $pids/pid) &&
stat --format='%U' /proc/$pid && readlink /proc/$pid/fd/*; kill $pid; rm -rf $pids"""

    @classmethod
    def domains(cls) -> list[str]:
        """Return the domain of each QEMU process."""
        return cls.read(cls.DOMAINS).split()

    @classmethod
    def files(cls, domain: str) -> list[str]:
        """Return the files that a domain's process has open."""
        lines = (line.split(" ", 1) for line in cls.read(cls.FILES).splitlines())
        return [file for name, file in lines if name == domain]

    @classmethod
    def profile(cls, domain: str) -> str:
        """Return the AppArmor profile of a domain's process and its mode; empty if no process was seen."""
        lines = (line.partition(" ")[::2] for line in cls.read(cls.PROFILES).splitlines())
        return dict(lines).get(domain, "")

    @classmethod
    def memory(cls, domain: str) -> int:
        """Return the memory of the host that a domain's process takes, in bytes.

        Of memory that it shares with other processes, its share is counted: Pss of proc_pid_smaps(5).
        """
        file = f'/proc/"$(cat /run/libvirt/qemu/{domain}.pid)"/smaps_rollup'
        return int(cls.read(f"sed -n 's/^Pss: *\\([0-9]*\\) kB/\\1/p' {file}")) * 1024

    @classmethod
    def exits(cls, domain: str) -> list[int]:
        """Return how often the processor has left the guest for KVM.

        :param domain: name of the guest.
        :return: the count, and the count a second later; empty if KVM counts none.
        """
        lines = (line.split() for line in cls.read(cls.EXITS).splitlines())
        return [int(number) for name, *numbers in lines if name == domain for number in numbers]

    @classmethod
    def emulator(cls) -> tuple[str, list[str]]:
        """Start a QEMU that emulates; return its user, and the files that it has open."""
        user, *files = cls.read(cls.EMULATOR).splitlines()
        return user, files


class Confinement(Reader):
    """The privileges and limits of a container's first process, read inside the container."""

    STATUS = "cat /proc/1/status"
    LIMITS = "cat /proc/1/limits"
    CGROUP_FILES = ("memory.max", "pids.max", "cpu.max")
    MOUNTS = "cat /proc/mounts"
    HOME_SIZE = "stat --file-system --format='%S %b' ~"
    COMMANDS = (STATUS, LIMITS, MOUNTS, HOME_SIZE, *(f"cat /sys/fs/cgroup/{name}" for name in CGROUP_FILES))

    @classmethod
    def status(cls) -> dict[str, str]:
        """Return the fields of proc_pid_status(5)."""
        lines = [line.partition(":") for line in cls.read(cls.STATUS).splitlines()]
        return {name: value.strip() for name, _, value in lines}

    @classmethod
    def open_files(cls) -> str:
        """Return how many files a process may open at most: getrlimit(2)."""
        (line,) = (line for line in cls.read(cls.LIMITS).splitlines() if line.startswith("Max open files"))
        return line.split()[4]

    @classmethod
    def mount_options(cls, place: str) -> set[str]:
        """Return the options with which a file system is mounted at a place; empty if none is."""
        lines = [line.split() for line in cls.read(cls.MOUNTS).splitlines()]
        return {option for line in lines if line[1] == place for option in line[3].split(",")}

    @classmethod
    def home_size(cls) -> int:
        """Return the size of the file system with the home folder, in bytes."""
        block_size, blocks = cls.read(cls.HOME_SIZE).split()
        return int(block_size) * int(blocks)

    @classmethod
    def memory(cls) -> int:
        """Return the memory that the container's cgroup has in use, in bytes."""
        return int(cls.read("cat /sys/fs/cgroup/memory.current"))

    @classmethod
    def limit(cls, name: str) -> str:
        """Return a limit of the container's cgroup, such as ``memory.max``."""
        return cls.read(f"cat /sys/fs/cgroup/{name}")


MASK_DIGITS = 16
"""Digits of a mask of capabilities, which has 64 bits: proc_pid_status(5)."""
# In the order of their numbers, from 0: linux/capability.h.
CAPABILITIES = tuple(
    """
    CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
    NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO
    SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG
    MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM
    BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE
    """.split()  # noqa: SIM905 (read against the header, a table is clearer than a list)
)


def capabilities(mask: str) -> set[str]:
    """Return the names of the capabilities in a mask.

    :param mask: in hexadecimal, as in proc_pid_status(5).
    :return: the names, without CAP; the number of a capability that is not in :data:`CAPABILITIES`.
    :raises ValueError: it is no mask of 64 bits at most.

    >>> sorted(capabilities("0000000000002001"))
    ['CHOWN', 'NET_RAW']
    """
    if len(mask) > MASK_DIGITS:
        raise ValueError(f"{len(mask)} digits are too many for a mask of capabilities")
    bits = int(mask, 16)
    names = dict(enumerate(CAPABILITIES))
    return {names.get(number, str(number)) for number in range(bits.bit_length()) if bits >> number & 1}
