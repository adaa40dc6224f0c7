"""Checks inside a guest: the CPU that the slides show, a kernel of its own, who can log in."""

import json

import pytest

from minetlab.checks import binary, machines
from minetlab.checks.assertions import (
    assert_isolated_memories,
    assert_no_passwords,
    assert_opened_by_key,
    assert_process_tree,
    require_hardware,
)
from minetlab.checks.machines import GuestMachine
from minetlab.checks.modules import Cpu, Kernel

CORES_OF_THE_SLIDE = "4"


def lscpu_of_the_slides(guest: GuestMachine) -> dict[str, str]:
    """What the slide of C16 shows of a guest's lscpu, with the vendor of its host."""
    return {
        "Vendor ID": Cpu.on(guest.host_machine.host).fields()["Vendor ID"],
        "Model name": "Common KVM processor",
        "CPU family": "15",
        "Model": "6",
        "Stepping": "1",
        "CPU(s)": CORES_OF_THE_SLIDE,
        "Thread(s) per core": "1",
        "Core(s) per socket": CORES_OF_THE_SLIDE,
        "Socket(s)": "1",
        "NUMA node(s)": "1",
        "Address sizes": "40 bits physical, 48 bits virtual",
    }


@pytest.mark.claim("C16")
def test_lscpu_is_the_slides(guest: GuestMachine) -> None:
    """Where the lab gives guests other cores, they have those, and do not show what the slide does."""
    fields, cores = Cpu.on(guest.host).fields(), str(guest.host_machine.settings.guest.cores)
    expected = lscpu_of_the_slides(guest) | {"CPU(s)": cores, "Core(s) per socket": cores}
    observed = {field: fields.get(field, "no such field") for field in expected}
    wrong = guest.differences("lscpu's {}", expected, observed)
    assert not wrong, "\n".join(wrong)
    if cores != CORES_OF_THE_SLIDE:
        pytest.skip(
            f"{guest.name}: {cores} processors, as guest.cores says; the slide shows {CORES_OF_THE_SLIDE}"
        )


@pytest.mark.claim("C16")
def test_hosts_cpu_is_another_model(guest: GuestMachine) -> None:
    own = Cpu.on(guest.host).fields().get("Model name")
    hosts = Cpu.on(guest.host_machine.host).fields().get("Model name")
    assert own != hosts, guest.differs("CPU model", f"another than {guest.host_machine.name}'s", own)


def test_hypervisor_is_kvm(guest: GuestMachine) -> None:
    require_hardware(guest.host_machine)
    cpu = Cpu.on(guest.host).fields()
    for field, expected in (("Hypervisor vendor", "KVM"), ("Virtualization type", "full")):
        assert cpu.get(field) == expected, guest.differs(f"lscpu's {field}", expected, cpu.get(field))


@pytest.mark.claim("C15")
def test_guest_can_virtualize(guest: GuestMachine) -> None:
    """The guest has the CPU feature and the module, with nested on, and its student can open /dev/kvm."""
    expected = require_hardware(guest.host_machine)
    assert guest.hardware == expected, guest.differs("CPU flag", expected.flag, guest.hardware)
    assert Kernel.on(guest.host).has_module(expected.module), guest.differs(
        "module", expected.module, "not loaded"
    )
    nested = guest.reads(expected.nested)
    assert nested in {"1", "Y"}, guest.differs(f"nested of {expected.module}", "1 or Y", nested)
    said = guest.reads(machines.open_kvm_as(guest.guest.student.login))
    assert said == "opened", guest.differs("/dev/kvm for the student", "opened", said)


@pytest.mark.claim("C04")
def test_processes_are_a_tree(guest: GuestMachine) -> None:
    assert_process_tree(guest)


@pytest.mark.claim("C05")
def test_processes_have_memories_of_their_own(guest: GuestMachine) -> None:
    assert_isolated_memories(guest, guest.reads(machines.FORK))


@pytest.mark.claim("C06")
def test_kernel_is_linux(guest: GuestMachine) -> None:
    name = guest.reads(machines.KERNEL_NAME)
    assert name == "Linux GNU/Linux", guest.differs("uname -s -o", "Linux GNU/Linux", name)


@pytest.mark.claim("C06")
def test_kernel_stands_before_the_hardware(guest: GuestMachine) -> None:
    """Physical memory and I/O ports: root reaches them through the kernel, a student is refused by it."""
    login = guest.guest.student.login
    printed = guest.reads(machines.reach_hardware_as(login)).splitlines()
    reached = {user: hardware for user, *hardware in map(str.split, printed)}
    planned = {"root": ["memory", "port"], login: []}
    assert reached == planned, guest.differs("hardware that users reach", planned, reached)


@pytest.mark.claim("C07")
def test_host_does_not_see_its_processes(guest: GuestMachine) -> None:
    """A process with a name like no other: the guest's table has it, the host's has not."""
    marker = f"proof-of-{guest.name}"
    own = guest.reads(machines.processes_with(marker)).split()
    hosts = guest.host_machine.reads(machines.PROCESSES).split()
    guest.reads(machines.end_process(marker))
    assert marker in own, guest.differs("a process started in it", "there", "not there")
    assert marker not in hosts, guest.differs(
        f"its process on {guest.host_machine.name}", "not there", "there"
    )


@pytest.mark.claim("C07")
def test_guest_runs_a_kernel_of_its_own(guest: GuestMachine) -> None:
    """A kernel draws its boot_id when it starts: another one is another running kernel.

    The releases may be equal, as host and guest may have the same Debian kernel installed.
    """
    own, hosts = Kernel.on(guest.host), Kernel.on(guest.host_machine.host)
    for kernel in (own, hosts):
        kernel.release()  # for the report: the two are often different
    ids = own.boot_id(), hosts.boot_id()
    assert ids[0] != ids[1], guest.differs("boot_id", f"another than {guest.host_machine.name}'s", ids[0])


def test_hostname_is_the_plans(guest: GuestMachine) -> None:
    name = guest.reads(machines.HOSTNAME)
    assert name == guest.guest.hostname, guest.differs("host name", guest.guest.hostname, name)


def test_address_is_the_plans(guest: GuestMachine) -> None:
    """The interface with the planned MAC address has the planned address, and no other IPv4 one."""
    interfaces = {each.get("address"): each for each in json.loads(guest.reads(machines.ADDRESSES))}
    interface = interfaces.get(guest.guest.mac, {"addr_info": []})
    addresses = [
        f"{each['local']}/{each['prefixlen']}" for each in interface["addr_info"] if each["family"] == "inet"
    ]
    planned = [str(guest.guest.address)]
    assert addresses == planned, guest.differs(f"addresses of {guest.guest.mac}", planned, addresses)


def test_student_can_log_in(guest: GuestMachine) -> None:
    """The student's account exists, and their own key opens it."""
    assert_opened_by_key(guest, guest.reads(machines.keys_of(guest.guest.student.login)), guest.student_key)


def test_passwords_open_nothing(guest: GuestMachine) -> None:
    """sshd asks for no password, and the student's account has none."""
    settings = assert_no_passwords(guest, guest.reads(machines.SSHD))
    root = settings.get("permitrootlogin")
    assert root != "yes", guest.differs("sshd's permitrootlogin", "anything but yes", root)
    login = guest.guest.student.login
    state = guest.reads(machines.password_of(login)).split()[1]
    assert state == "L", guest.differs(f"password of {login}", "L (locked)", state)


@pytest.mark.claim("C03")
def test_one_binary_computes_the_same_on_two_processors(guest: GuestMachine) -> None:
    """The guest sees another model of processor than its host; what both have in common is the ISA."""
    both = (guest.host_machine, guest)
    models = [Cpu.on(machine.host).fields()["Model name"] for machine in both]
    if models[0] == models[1]:
        pytest.skip(f"{guest.name}: it sees the processor model of its host, {models[0]}")
    for machine in both:
        digest, _, printed = machine.reads(binary.RUN).partition("  -\n")
        assert digest == binary.DIGEST, machine.differs("SHA-256 of the program", binary.DIGEST, digest)
        assert printed == binary.SUM, machine.differs("what the program prints", binary.SUM, printed)


def test_its_host_does_not_answer_it(guest: GuestMachine) -> None:
    """The firewall lets nothing of the lab's machines to their host but DNS and DHCP."""
    if guest.host_machine.settings.guest_network.mode != "nat":
        pytest.skip(f"{guest.name}: its host is not its gateway, as guests are on a bridge")
    answers = guest.reads(machines.GATEWAY_ANSWERS).strip()
    assert answers == "no", guest.differs("whether its host's sshd answers it", "no", answers)
