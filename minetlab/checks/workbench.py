"""How a lab is measured: the same work in several environments, and what machines cost.

The work is the workload of the TP ``emulation``. Its program is copied out of a container of that TP, where
no student can change it: the very same bytes run natively, in containers, in guests and in emulated PCs.
"""

import shlex
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from testinfra.host import Host

from minetlab.checks.machines import ContainerMachine, GuestMachine, KvmMachine
from minetlab.checks.modules import Confinement, Docker, Libvirt, Qemu, Reader
from minetlab.checks.programs import ORDERS, running, send
from minetlab.claims.measurements import LOADS, Cost, Costs, Environment, Sample, Series

TP = "emulation"
MEASURE_TURNS = 5
PROGRAM, ARM64_PROGRAM, ARM64_MACHINE = (
    f"/etc/skel/{name}" for name in ("calcul-x86_64", "calcul-arm64", "arm64")
)
INITRD = "/usr/local/lib/machines/amd64/initrd"
# As an account without privileges, and for an hour at most: nothing stays behind if we are interrupted.
AS_NOBODY = "timeout 3600 setpriv --reuid=nobody --regid=nogroup --clear-groups --no-new-privs"
# Prints the microseconds from the kernel's start until systemd had started all: org.freedesktop.systemd1(5).
BOOTED = "systemctl show --property=FinishTimestampMonotonic --value"
# Writes the kernel of the emulated PC, which is the host's own. It is unpacked here, because a PC that is
# emulated in an emulated host takes a minute to do so. The header of the packed kernel says where the payload
# is (Linux, Documentation/arch/x86/boot.rst), and QEMU starts the unpacked one by PVH. A kernel that cannot
# be unpacked, or cannot be started by PVH, is copied as it is.
KERNEL = """\
packed=/boot/vmlinuz-$(uname -r) config=/boot/config-$(uname -r)
field() {{ od --address-radix=n --format=u$2 --skip-bytes=$1 --read-bytes=$2 "$packed" | tr -d ' '; }}
payload=$((($(field 0x1f1 1) + 1) * 512 + $(field 0x248 4)))
grep --quiet '^CONFIG_PVH=y' "$config" &&
  tail --bytes=+$((payload + 1)) "$packed" | head --bytes="$(field 0x24c 4)" |
  xz --decompress --single-stream >{file} 2>/dev/null &&
  [ "$(head --bytes=4 {file} | tail --bytes=3)" = ELF ] ||
  cat "$packed" >{file}
chmod 644 {file}
"""
EMULATED_PC = (
    "qemu-system-x86_64 -machine q35 -cpu max -accel tcg,tb-size=32 -m 96 -nodefaults -display none "
    "-serial stdio -no-reboot -kernel {folder}/linux -initrd {folder}/initrd "
    "-append 'console=ttyS0 no_timer_check loglevel=0 panic=-1 cryptomgr.notests rdinit=/calcul-x86_64 -- -'"
)


@dataclass(frozen=True)
class Bench:
    """The environments of a host that are measured.

    :param host: alias of the host.
    :param programs: the machine on which each environment is, and the command that starts the workload there.
    :param emulated_guest: whether the guest among them is emulated, because the host has no hardware
        virtualization.
    """

    host: str
    programs: Mapping[Environment, tuple[Host, str]]
    emulated_guest: bool = False

    def measure(self, turns: int = MEASURE_TURNS) -> Series:
        """Run every load in every environment, once a turn.

        :param turns: how many times.
        :return: the measurements.
        :raises AssertionError: a workload does not start, or does not answer.
        """
        with ExitStack() as stack:
            programs = {
                environment: stack.enter_context(running(f"{environment} on {self.host}", machine, command))
                for environment, (machine, command) in self.programs.items()
            }
            samples = [
                Sample(environment=environment, load=load, turn=turn, microseconds=program.measure(load))
                for turn in range(turns)
                for load in LOADS
                for environment, program in programs.items()
            ]
            boots = {environment: program.boot for environment, program in programs.items()}
        return Series(host=self.host, emulated_guest=self.emulated_guest, boots=boots, samples=tuple(samples))

    def show(self, series: Series) -> None:
        """Note for the report which commands were run, and the median of each load."""
        for environment, (machine, command) in self.programs.items():
            medians = [f"{ORDERS[load]} : {series.time(environment, load).median:.1f} µs\n" for load in LOADS]
            machine.backend.note(command, "".join(medians))


@contextmanager
def container_host_bench(container: ContainerMachine) -> Iterator[Bench]:
    """Prepare to measure on a container host: natively, in a container, and emulated in the container.

    :param container: a container of the TP ``emulation``; its host is measured.
    :yields: the environments.
    :raises AssertionError: the workload cannot be copied.
    """
    machine = f"{ARM64_MACHINE} rdinit=/calcul-arm64 -- -"
    with _temporary_folder(container.host_machine.host) as folder:
        send(container.host_machine.host, copy_from(container, PROGRAM), f"{folder}/calcul")
        yield Bench(
            container.host_machine.name,
            {
                "native": (container.host_machine.host, _natively(folder)),
                "container": (container.host, f"{PROGRAM} -"),
                "emulated program": (container.host, f"qemu-aarch64 {ARM64_PROGRAM} -"),
                "emulated ARM64": (container.host, machine),
            },
        )


@contextmanager
def kvm_host_bench(guest: GuestMachine, container: ContainerMachine) -> Iterator[Bench]:
    """Prepare to measure on a KVM host: natively, in a guest, and in an emulated PC.

    :param guest: the guest; its host is measured.
    :param container: a container of the TP ``emulation``, on any host, from which the workload is copied.
    :yields: the environments.
    :raises AssertionError: the workload cannot be copied.
    """
    program = copy_from(container, PROGRAM)
    with (
        witness_folder(guest.host_machine, container) as folder,
        _temporary_folder(guest.host) as guest_folder,
    ):
        send(guest.host_machine.host, program, f"{folder}/calcul")
        send(guest.host, program, f"{guest_folder}/calcul")
        yield Bench(
            guest.host_machine.name,
            {
                "native": (guest.host_machine.host, _natively(folder)),
                "guest": (guest.host, _natively(guest_folder)),
                "emulated PC": (guest.host_machine.host, f"{AS_NOBODY} {EMULATED_PC.format(folder=folder)}"),
            },
            emulated_guest=guest.host_machine.hardware is None,
        )


@contextmanager
def witness_folder(host: KvmMachine, container: ContainerMachine) -> Iterator[str]:
    """Make a temporary folder with the kernel and the initrd of a PC whose only program is the workload.

    :param host: the KVM host on which the folder is made.
    :param container: a container of the TP ``emulation``, on any host, from which the initrd is copied.
    :yields: path of the folder.
    :raises AssertionError: a file cannot be written.
    """
    with _temporary_folder(host.host) as folder:
        Reader.on(host.host).read(KERNEL.format(file=f"{folder}/linux"))
        send(host.host, copy_from(container, INITRD), f"{folder}/initrd")
        yield folder


def copy_from(container: ContainerMachine, file: str) -> bytes:
    """Copy a file out of a container.

    :param container: the container.
    :param file: path of the file.
    :return: what the file holds.
    :raises AssertionError: it cannot be read.
    """
    source = shlex.quote(f"{container.name}:{file}")
    result = container.host_machine.host.run(f"docker cp {source} - | tar --extract --to-stdout")
    if result.failed:
        raise AssertionError(
            f"{container.host_machine.name}: cannot read {file} of {container.name}: {result.stderr.strip()}"
        )
    return bytes(result.stdout_bytes)


def costs(guest: GuestMachine, container: ContainerMachine) -> Costs:
    """Measure what a guest and a container cost.

    :param guest: the guest, which runs.
    :param container: the container, which runs.
    :return: time, memory and disk space of both.
    :raises AssertionError: a command fails on one of the machines.
    """
    host = guest.host_machine.host
    domain = Libvirt.on(host).domains()[guest.name]
    disk, *base = guest.host_machine.chain(Libvirt.disks(domain)[0])
    sizes = Docker.on(container.host_machine.host).size(container.name)
    return Costs(
        guest=Cost(
            machine=guest.name,
            kind="guest",
            seconds=int(guest.reads(BOOTED)) / 1e6,
            memory=Qemu.on(host).memory(guest.name),
            disk=disk["actual-size"],
            shared=sum(image["actual-size"] for image in base),
        ),
        container=Cost(
            machine=container.name,
            kind="container",
            seconds=Docker.on(container.host_machine.host).seconds_to_run(container.name),
            memory=Confinement.on(container.host).memory(),
            disk=sizes["SizeRw"],
            shared=sizes["SizeRootFs"] - sizes["SizeRw"],
        ),
    )


def _natively(folder: str) -> str:
    return f"{AS_NOBODY} {folder}/calcul -"


@contextmanager
def _temporary_folder(host: Host) -> Iterator[str]:
    """Make a folder that everybody may read and run programs in, and remove it afterwards."""
    reader = Reader.on(host)
    folder = reader.read(
        "folder=$(mktemp --directory /var/tmp/minet-lab.XXXXXX) && chmod 755 $folder && echo $folder"
    )
    try:
        yield folder
    finally:
        reader.read(f"rm --recursive {folder}")
