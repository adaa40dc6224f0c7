"""What is measured on a lab: the same work in several environments by turns, and what machines cost.

All of it takes the workload of the TP ``emulation`` out of one of its containers, where no student can change
it: the very same bytes run natively, in the container, in the guest and in an emulated PC.
"""

import shlex
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from testinfra.host import Host

from minetlab.checks.machines import ContainerMachine, GuestMachine, KvmMachine
from minetlab.checks.modules import Confinement, Docker, Libvirt, Qemu, Reader
from minetlab.checks.programs import running, send
from minetlab.claims.measurements import LOADS, Cost, Costs, Environment, Sample, Series

TP = "emulation"
TURNS = 5
PROGRAM, ARM64_PROGRAM, ARM64_MACHINE = (
    f"/etc/skel/{name}" for name in ("calcul-x86_64", "calcul-arm64", "arm64")
)
INITRD = "/usr/local/lib/machines/amd64/initrd"
# As an account that may do nothing, and for so long that whatever happens to us, nothing stays behind.
AS_NOBODY = "timeout 3600 setpriv --reuid=nobody --regid=nogroup --clear-groups --no-new-privs"
# Microseconds from the start of the kernel until systemd had started everything; org.freedesktop.systemd1(5).
BOOTED = "systemctl show --property=FinishTimestampMonotonic --value"
# The kernel of the machine that is emulated: the host's own. It is unpacked first, which takes an emulator
# in an emulated host a minute; the header says where it lies (Linux, Documentation/arch/x86/boot.rst), and
# QEMU starts it by PVH. What cannot be unpacked, or started so, is left as it is.
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
    """What is measured on a host.

    :param host: its alias.
    :param programs: environment to the machine it is on and the command that starts the workload there.
    """

    host: str
    programs: Mapping[Environment, tuple[Host, str]]
    emulated_guest: bool = False

    def measure(self, turns: int = TURNS) -> Series:
        """Run every load in every environment, by turns.

        :raises AssertionError: one of them does not start, or does not answer.
        """
        with ExitStack() as stack:
            started = {
                environment: stack.enter_context(running(f"{environment} on {self.host}", host, command))
                for environment, (host, command) in self.programs.items()
            }
            samples = [
                Sample(environment=name, load=load, turn=turn, microseconds=program.measure(load))
                for turn in range(turns)
                for load in LOADS
                for name, program in started.items()
            ]
            boots = {name: program.boot for name, program in started.items()}
        return Series(host=self.host, emulated_guest=self.emulated_guest, boots=boots, samples=tuple(samples))

    def show(self, series: Series) -> None:
        """Have the report show what was run, and what it said."""
        for name, (host, command) in self.programs.items():
            said = "".join(f"{load} : {series.time(name, load).median:.1f} µs\n" for load in LOADS)
            host.backend.note(command, said)


@contextmanager
def of_container_host(container: ContainerMachine) -> Iterator[Bench]:
    """What is measured on a container host: a container of the TP, natively, and what is emulated in it.

    :param container: one of the TP ``emulation``.
    """
    machine = f"{ARM64_MACHINE} rdinit=/calcul-arm64 -- -"
    with _folder(container.on.host) as folder:
        send(container.on.host, taken_from(container, PROGRAM), f"{folder}/calcul")
        yield Bench(
            container.on.name,
            {
                "native": (container.on.host, _natively(folder)),
                "container": (container.host, f"{PROGRAM} -"),
                "emulated program": (container.host, f"qemu-aarch64 {ARM64_PROGRAM} -"),
                "emulated ARM64": (container.host, machine),
            },
        )


@contextmanager
def of_kvm_host(guest: GuestMachine, container: ContainerMachine) -> Iterator[Bench]:
    """What is measured on a KVM host: a guest, natively, and a PC that is emulated.

    :param container: one of the TP ``emulation``, from wherever.
    """
    program = taken_from(container, PROGRAM)
    with witness_folder(guest.on, container) as folder, _folder(guest.host) as inside:
        send(guest.on.host, program, f"{folder}/calcul")
        send(guest.host, program, f"{inside}/calcul")
        yield Bench(
            guest.on.name,
            {
                "native": (guest.on.host, _natively(folder)),
                "guest": (guest.host, _natively(inside)),
                "emulated PC": (guest.on.host, f"{AS_NOBODY} {EMULATED_PC.format(folder=folder)}"),
            },
            emulated_guest=guest.on.hardware is None,
        )


@contextmanager
def witness_folder(host: KvmMachine, container: ContainerMachine) -> Iterator[str]:
    """A folder on a KVM host with all that a PC needs whose only program is the workload."""
    with _folder(host.host) as folder:
        Reader.on(host.host).read(KERNEL.format(file=f"{folder}/linux"))
        send(host.host, taken_from(container, INITRD), f"{folder}/initrd")
        yield folder


def taken_from(container: ContainerMachine, file: str) -> bytes:
    """A file of a container, as its image has it.

    :raises AssertionError: there is none.
    """
    source = shlex.quote(f"{container.name}:{file}")
    result = container.on.host.run(f"docker cp {source} - | tar --extract --to-stdout")
    if result.failed:
        raise AssertionError(
            f"{container.on.name}: cannot read {file} of {container.name}: {result.stderr.strip()}"
        )
    return bytes(result.stdout_bytes)


def costs(guest: GuestMachine, container: ContainerMachine) -> Costs:
    """What a guest and a container take, to compare."""
    disk, *base = guest.on.chain(Libvirt.disks(Libvirt.on(guest.on.host).domains()[guest.name])[0])
    on_host = Docker.on(container.on.host).size(container.name)
    return Costs(
        guest=Cost(
            machine=guest.name,
            kind="guest",
            seconds=int(guest.reads(BOOTED)) / 1e6,
            memory=Qemu.on(guest.on.host).memory(guest.name),
            disk=disk["actual-size"],
            shared=sum(image["actual-size"] for image in base),
        ),
        container=Cost(
            machine=container.name,
            kind="container",
            seconds=Docker.on(container.on.host).seconds_to_run(container.name),
            memory=int(Confinement.on(container.host).memory()),
            disk=on_host["SizeRw"],
            shared=on_host["SizeRootFs"] - on_host["SizeRw"],
        ),
    )


def _natively(folder: str) -> str:
    return f"{AS_NOBODY} {folder}/calcul -"


@contextmanager
def _folder(host: Host) -> Iterator[str]:
    """A new folder that everybody may read, where programs may be run; it is removed."""
    reader = Reader.on(host)
    folder = reader.read(
        "folder=$(mktemp --directory /var/tmp/minet-lab.XXXXXX) && chmod 755 $folder && echo $folder"
    )
    try:
        yield folder
    finally:
        reader.read(f"rm --recursive {folder}")
