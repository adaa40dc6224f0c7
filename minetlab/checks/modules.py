"""Testinfra modules for what it lacks: CPU, kernel modules, namespaces, libvirt, dockerd, a process's limits.

Each names the commands it reads with, so that those of one machine can make one round trip. They look at the
machine by themselves and share nothing with the facts that the deploys work from.
"""

import json
import shlex
from typing import Any
from xml.etree import ElementTree as ET

from testinfra.host import Host
from testinfra.modules.base import Module

VIRSH = "virsh --quiet --connect qemu:///system"
NAMESPACES = ("pid", "mnt", "net", "uts", "ipc")


class Reader(Module):  # type: ignore[misc]
    """A Testinfra module bound to one host: ``Cpu.on(host)``."""

    @classmethod
    def on(cls, host: Host) -> Any:
        """The module for this host, as Testinfra's ``host.<module>`` gives it."""
        return cls.get_module(host)

    @classmethod
    def read(cls, command: str) -> str:
        """What a command prints.

        :raises AssertionError: it failed; names the machine and says what it said.
        """
        __tracebackhide__ = True
        result = cls._host.run(command)
        cls._host.backend.note(command, result.stdout or result.stderr)
        if result.failed:
            said = result.stderr.strip() or "and said nothing"
            raise AssertionError(f"{cls._host.backend.hostname}: `{command}` failed with {result.rc}: {said}")
        return str(result.stdout).rstrip("\n")


class Cpu(Reader):
    """What ``lscpu`` says."""

    LSCPU = "LC_ALL=C lscpu --json"
    COMMANDS = (LSCPU,)

    @classmethod
    def fields(cls) -> dict[str, str]:
        """Field to value; the same whether this lscpu prints a tree or a list."""
        fields: dict[str, str] = {}
        pending = list(json.loads(cls.read(cls.LSCPU))["lscpu"])
        while pending:
            entry = pending.pop(0)
            fields[entry["field"].rstrip(":")] = entry["data"] or ""
            pending += entry.get("children", [])
        return fields


class Kernel(Reader):
    """The running kernel and what it is made of."""

    BOOT_ID = "cat /proc/sys/kernel/random/boot_id"
    RELEASE = "uname -r"
    MODULES = "ls /sys/module"
    # What modprobe will do at the next load: all of modprobe.d and the kernel's command line, in order.
    OPTIONS = "/sbin/modprobe --showconfig | sed -n '/^options /p'"
    # /proc/1 where that is readable: a namespace of the machine, not of the session that asks.
    HOST_NAMESPACES = f"cd /proc/1/ns 2>/dev/null || cd /proc/self/ns; readlink {' '.join(NAMESPACES)}"
    OWN_NAMESPACES = f"cd /proc/self/ns && readlink {' '.join(NAMESPACES)}"
    IDENTITY = (BOOT_ID, RELEASE)

    @classmethod
    def boot_id(cls) -> str:
        """Random, and new at each boot of a kernel: two machines share it only if they share the kernel."""
        return cls.read(cls.BOOT_ID)

    @classmethod
    def release(cls) -> str:
        """The kernel's release."""
        return cls.read(cls.RELEASE)

    @classmethod
    def has_module(cls, name: str) -> bool:
        """Whether a module is loaded."""
        return name in cls.read(cls.MODULES).split()

    @staticmethod
    def parameter_command(module: str, parameter: str) -> str:
        """The command that reads a loaded module's parameter."""
        return f"cat /sys/module/{module}/parameters/{parameter}"

    @staticmethod
    def users_command(module: str) -> str:
        """The command that reads how often a loaded module is in use."""
        return f"cat /sys/module/{module}/refcnt"

    @classmethod
    def parameter(cls, module: str, parameter: str) -> str:
        """The value a loaded module has for a parameter."""
        return cls.read(cls.parameter_command(module, parameter))

    @classmethod
    def option(cls, module: str, option: str) -> str | None:
        """The value the module will get when it is loaded again; the last one holds. None: its default."""
        value = None
        for line in cls.read(cls.OPTIONS).splitlines():
            _, name, *settings = line.split()
            if name.replace("-", "_") == module:
                for setting in settings:
                    key, _, given = setting.partition("=")
                    value = given if key == option else value
        return value

    @classmethod
    def namespaces(cls) -> dict[str, str]:
        """The machine's namespaces: kind to ``kind:[inode]``."""
        return dict(zip(NAMESPACES, cls.read(cls.HOST_NAMESPACES).splitlines(), strict=True))

    @classmethod
    def own_namespaces(cls) -> dict[str, str]:
        """Those of the command itself, which inside a container are the container's."""
        return dict(zip(NAMESPACES, cls.read(cls.OWN_NAMESPACES).splitlines(), strict=True))


class Units(Reader):
    """systemd's units."""

    @staticmethod
    def command(*units: str) -> str:
        """The command that reads these units' states."""
        return f"systemctl show --property=Id,ActiveState,UnitFileState {' '.join(units)}"

    @classmethod
    def states(cls, *units: str) -> dict[str, tuple[str, str]]:
        """Unit to (active state, unit file's state), in systemctl's words."""
        blocks = cls.read(cls.command(*units)).split("\n\n")
        found = [dict(line.split("=", 1) for line in block.splitlines()) for block in blocks]
        return {unit["Id"]: (unit["ActiveState"], unit["UnitFileState"]) for unit in found}


class Libvirt(Reader):
    """The system's libvirt, by virsh: what is there, in bulk."""

    VERSION = f"{VIRSH} version --daemon"
    NETWORKS = f"{VIRSH} net-list --name"
    AUTOSTARTED_NETWORKS = f"{VIRSH} net-list --all --autostart --name"
    POOLS = f"{VIRSH} pool-list --name"
    AUTOSTARTED_POOLS = f"{VIRSH} pool-list --all --autostart --name"
    RUNNING = f"{VIRSH} list --state-running --name"
    OFF = f"{VIRSH} list --state-shutoff --name"
    AUTOSTARTED = f"{VIRSH} list --all --autostart --name"
    # One virsh for all: each that is started takes a third of a second on an emulated host.
    DOMAINS = f"""{VIRSH} "echo; $({VIRSH} list --all --uuid | sed -n 's/..*/dumpxml &;/p')\""""
    COMMANDS = (
        VERSION, NETWORKS, AUTOSTARTED_NETWORKS, POOLS, AUTOSTARTED_POOLS, RUNNING, AUTOSTARTED, DOMAINS
    )  # fmt: skip

    @classmethod
    def names(cls, command: str) -> set[str]:
        """The names one of the list commands prints."""
        return set(cls.read(command).split())

    @classmethod
    def domains(cls) -> dict[str, ET.Element]:
        """Every domain's XML, by name."""
        xml = ET.fromstring(f"<domains>{cls.read(cls.DOMAINS)}</domains>")  # noqa: S314 (our host's libvirt)
        return {domain.findtext("name", ""): domain for domain in xml}

    @staticmethod
    def disks(domain: ET.Element) -> list[str]:
        """The files behind a domain's writable disks."""
        disks = [disk for disk in domain.findall("devices/disk") if disk.find("readonly") is None]
        sources = [disk.find("source") for disk in disks]
        return [source.get("file", "") for source in sources if source is not None]

    @staticmethod
    def chain_command(file: str) -> str:
        """The command that reads a disk's backing chain while the guest runs."""
        return f"qemu-img info --force-share --backing-chain --output=json {shlex.quote(file)}"

    @classmethod
    def chain(cls, file: str) -> list[dict[str, Any]]:
        """The disk and every image under it, as qemu-img sees them; it fails where one is missing."""
        return list(json.loads(cls.read(cls.chain_command(file))))


class Docker(Reader):
    """dockerd as it runs, and its containers."""

    INFO = "docker info --format '{{json .}}'"
    CONTAINERS = "docker ps --all --quiet | xargs --no-run-if-empty docker inspect"
    # NSpid of proc_pid_status(5): the same process's number in each PID namespace, from the host's inwards.
    PIDS = (
        "docker ps --quiet | xargs --no-run-if-empty docker inspect --format '{{.Name}} {{.State.Pid}}' | "
        r"while read -r name pid; do echo $name $(sed -n 's/^NSpid://p' /proc/$pid/status); done"
    )
    COMMANDS = (INFO, CONTAINERS, PIDS)

    @classmethod
    def info(cls) -> dict[str, Any]:
        """What the daemon says of itself: its configuration as it is in effect."""
        return dict(json.loads(cls.read(cls.INFO)))

    @classmethod
    def containers(cls) -> dict[str, dict[str, Any]]:
        """``docker inspect`` of every container, by name."""
        return {each["Name"].lstrip("/"): each for each in json.loads(cls.read(cls.CONTAINERS) or "[]")}

    @classmethod
    def size(cls, container: str) -> dict[str, int]:
        """Bytes: ``SizeRw``, what the container has written; ``SizeRootFs``, that and its image."""
        sizes = cls.read(f"docker inspect --size --format '{{{{.SizeRw}}}} {{{{.SizeRootFs}}}}' {container}")
        return dict(zip(("SizeRw", "SizeRootFs"), map(int, sizes.split()), strict=True))

    @classmethod
    def seconds_to_run(cls, container: str) -> float:
        """How long it takes to create, run and remove a container of the same image that does nothing."""
        milliseconds = cls.read(
            f"image=$(docker inspect --format '{{{{.Config.Image}}}}' {container}); start=$(date +%s%3N); "
            'docker run --rm --network none --entrypoint /bin/true "$image" && '
            "echo $(($(date +%s%3N) - start))"
        )
        return int(milliseconds) / 1000

    @classmethod
    def pids(cls) -> dict[str, tuple[int, ...]]:
        """Container to the numbers of its first process: on the host, then in the container."""
        lines = (line.split() for line in cls.read(cls.PIDS).splitlines())
        return {name.lstrip("/"): tuple(map(int, numbers)) for name, *numbers in lines}


class Qemu(Reader):
    """The processes that run virtual machines, as their host's kernel sees them."""

    DOMAINS = r"ps -C qemu-system-x86_64 -o args= | sed -n 's/.*-name guest=\([^, ]*\).*/\1/p'"
    # What each domain's process has open, and KVM's count of its exits, twice.
    FILES = """\
cd /run/libvirt/qemu && for each in *.pid; do
readlink /proc/"$(cat "$each")"/fd/* | sort -u | sed "s|^|${each%.pid} |"; done"""
    EXITS = """\
count() { for each in *.pid; do
echo "${each%.pid}" $(cat /sys/kernel/debug/kvm/"$(cat "$each")"-*/exits 2>/dev/null); done; }
cd /run/libvirt/qemu && count && sleep 1 && count"""
    # What a QEMU that emulates is, and has open: started by nobody, it needs nothing but its own process.
    EMULATOR = """\
pids=$(mktemp --directory) && chown nobody $pids &&
runuser -u nobody -- timeout 120 qemu-system-x86_64 -accel tcg -nodefaults -display none -S \
  -pidfile $pids/pid -daemonize </dev/null >/dev/null 2>&1 && pid=$(cat $pids/pid) &&
stat --format='%U' /proc/$pid && readlink /proc/$pid/fd/*; kill $pid; rm -rf $pids"""

    @classmethod
    def domains(cls) -> list[str]:
        """The domain of each QEMU process."""
        return cls.read(cls.DOMAINS).split()

    @classmethod
    def files(cls, domain: str) -> list[str]:
        """What a domain's process has open."""
        lines = (line.split(" ", 1) for line in cls.read(cls.FILES).splitlines())
        return [file for name, file in lines if name == domain]

    @classmethod
    def memory(cls, domain: str) -> int:
        """Bytes of the host's memory that are a domain's; of what it shares with others, its part.

        Pss of proc_pid_smaps(5).
        """
        file = f'/proc/"$(cat /run/libvirt/qemu/{domain}.pid)"/smaps_rollup'
        return int(cls.read(f"sed -n 's/^Pss: *\\([0-9]*\\) kB/\\1/p' {file}")) * 1024

    @classmethod
    def exits(cls, domain: str) -> list[int]:
        """How often the processor has left the guest for KVM, now and a little later; empty: not counted."""
        lines = (line.split() for line in cls.read(cls.EXITS).splitlines())
        return [int(number) for name, *numbers in lines if name == domain for number in numbers]

    @classmethod
    def emulator(cls) -> tuple[str, list[str]]:
        """The user of a QEMU that emulates, and what it has open."""
        user, *files = cls.read(cls.EMULATOR).splitlines()
        return user, files


class Confinement(Reader):
    """What the kernel allows the first process of a container, read inside it."""

    STATUS = "cat /proc/1/status"
    CGROUP_FILES = ("memory.max", "memory.swap.max", "pids.max")
    COMMANDS = (STATUS, *(f"cat /sys/fs/cgroup/{name}" for name in CGROUP_FILES))

    @classmethod
    def status(cls) -> dict[str, str]:
        """The fields of proc_pid_status(5)."""
        lines = [line.partition(":") for line in cls.read(cls.STATUS).splitlines()]
        return {name: value.strip() for name, _, value in lines}

    @classmethod
    def memory(cls) -> int:
        """Bytes that the container's cgroup has in use."""
        return int(cls.read("cat /sys/fs/cgroup/memory.current"))

    @classmethod
    def limit(cls, name: str) -> str:
        """A limit of the container's own cgroup, such as ``memory.max``."""
        return cls.read(f"cat /sys/fs/cgroup/{name}")


# By number, from 0: linux/capability.h.
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
    """The names in a hexadecimal capability mask; a number where this list has none.

    >>> sorted(capabilities("0000000000002001"))
    ['CHOWN', 'NET_RAW']
    """
    bits = int(mask, 16)
    names = dict(enumerate(CAPABILITIES))
    return {names.get(number, str(number)) for number in range(bits.bit_length()) if bits >> number & 1}
