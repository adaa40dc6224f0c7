"""Checks inside a guest: the CPU that the slides show, a kernel of its own, who can log in."""

import json

import pytest

from minetlab.checks.machines import (
    ADDRESSES,
    FORK,
    HOSTNAME,
    KERNEL_NAME,
    PROCESSES,
    SSHD,
    TREE,
    GuestMachine,
    MachineUnderTest,
    end_process,
    keys_of,
    open_kvm_as,
    password_of,
    processes_with,
    reach_hardware_as,
)
from minetlab.checks.modules import Cpu, Kernel
from tests.hosts.test_kvm_hosts import hardware_of

CORES_OF_THE_SLIDE = "4"


def lscpu_of_the_slides(guest: GuestMachine) -> dict[str, str]:
    """What the slide of C16 shows of a guest's lscpu, with the vendor of its host."""
    return {
        "Vendor ID": Cpu.on(guest.on.host).fields()["Vendor ID"],
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
    observed, cores = Cpu.on(guest.host).fields(), str(guest.on.settings.guest.cores)
    expected = lscpu_of_the_slides(guest) | {"CPU(s)": cores, "Core(s) per socket": cores}
    wrong = [
        guest.differs(f"lscpu's {field}", value, observed.get(field, "no such field"))
        for field, value in expected.items()
        if observed.get(field) != value
    ]
    assert not wrong, "\n".join(wrong)
    if cores != CORES_OF_THE_SLIDE:
        pytest.skip(
            f"{guest.name}: {cores} processors, as guest.cores says; the slide shows {CORES_OF_THE_SLIDE}"
        )


@pytest.mark.claim("C16")
def test_hosts_cpu_is_another_model(guest: GuestMachine) -> None:
    own = Cpu.on(guest.host).fields().get("Model name")
    hosts = Cpu.on(guest.on.host).fields().get("Model name")
    assert own != hosts, guest.differs("CPU model", f"another than {guest.on.name}'s", own)


def test_hypervisor_is_kvm(guest: GuestMachine) -> None:
    hardware_of(guest.on)
    cpu = Cpu.on(guest.host).fields()
    for field, expected in (("Hypervisor vendor", "KVM"), ("Virtualization type", "full")):
        assert cpu.get(field) == expected, guest.differs(f"lscpu's {field}", expected, cpu.get(field))


@pytest.mark.claim("C15")
def test_guest_can_virtualize(guest: GuestMachine) -> None:
    """The guest has the CPU feature and the module, with nested on, and its student can open /dev/kvm."""
    expected = hardware_of(guest.on)
    assert guest.hardware == expected, guest.differs("CPU flag", expected.flag, guest.hardware)
    assert Kernel.on(guest.host).has_module(expected.module), guest.differs(
        "module", expected.module, "not loaded"
    )
    nested = guest.reads(expected.nested)
    assert nested in {"1", "Y"}, guest.differs(f"nested of {expected.module}", "1 or Y", nested)
    said = guest.reads(open_kvm_as(guest.guest.student.login))
    assert said == "opened", guest.differs("/dev/kvm for the student", "opened", said)


def tree_of(machine: MachineUnderTest) -> None:
    """Every process leads up to the first one (C04); those of the kernel itself, to kthreadd, which is 2."""
    lines = (line.split(maxsplit=2) for line in machine.reads(TREE).splitlines())
    parents = {int(pid): int(parent) for pid, parent, _ in lines}
    assert 1 in parents, machine.differs("process 1", "there", "not there")
    lost = [pid for pid, parent in parents.items() if parent not in parents and pid not in {1, 2}]
    assert not lost, machine.differs("processes whose parent is not in the tree", "none", lost)


@pytest.mark.claim("C04")
def test_processes_are_a_tree(guest: GuestMachine) -> None:
    tree_of(guest)


def isolated_memories(machine: MachineUnderTest, printed: str) -> None:
    """A process and its child have different values at the same virtual address (C05)."""
    addresses, values = zip(*(line.split() for line in printed.splitlines()), strict=True)
    assert len(set(addresses)) == 1, machine.differs("virtual addresses", "one", sorted(set(addresses)))
    assert sorted(values) == ["child", "parent"], machine.differs(
        "values there", "child and parent", sorted(values)
    )


@pytest.mark.claim("C05")
def test_processes_have_memories_of_their_own(guest: GuestMachine) -> None:
    isolated_memories(guest, guest.reads(FORK))


@pytest.mark.claim("C06")
def test_kernel_is_linux(guest: GuestMachine) -> None:
    name = guest.reads(KERNEL_NAME)
    assert name == "Linux GNU/Linux", guest.differs("uname -s -o", "Linux GNU/Linux", name)


@pytest.mark.claim("C06")
def test_kernel_stands_before_the_hardware(guest: GuestMachine) -> None:
    """Physical memory and I/O ports: root reaches them through the kernel, a student is refused by it."""
    login = guest.guest.student.login
    printed = guest.reads(reach_hardware_as(login)).splitlines()
    reached = {user: hardware for user, *hardware in map(str.split, printed)}
    planned = {"root": ["memory", "port"], login: []}
    assert reached == planned, guest.differs("hardware that users reach", planned, reached)


@pytest.mark.claim("C07")
def test_host_does_not_see_its_processes(guest: GuestMachine) -> None:
    """A process with a name like no other: the guest's table has it, the host's has not."""
    marker = f"proof-of-{guest.name}"
    own, hosts = guest.reads(processes_with(marker)).split(), guest.on.reads(PROCESSES).split()
    guest.reads(end_process(marker))
    assert marker in own, guest.differs("a process started in it", "there", "not there")
    assert marker not in hosts, guest.differs(f"its process on {guest.on.name}", "not there", "there")


@pytest.mark.claim("C07")
def test_guest_runs_a_kernel_of_its_own(guest: GuestMachine) -> None:
    """A kernel draws its boot_id when it starts: another one is another running kernel.

    The releases may be equal, as host and guest may have the same Debian kernel installed.
    """
    own, hosts = Kernel.on(guest.host), Kernel.on(guest.on.host)
    for kernel in (own, hosts):
        kernel.release()  # for the report: the two are often different
    ids = own.boot_id(), hosts.boot_id()
    assert ids[0] != ids[1], guest.differs("boot_id", f"another than {guest.on.name}'s", ids[0])


def test_hostname_is_the_plans(guest: GuestMachine) -> None:
    name = guest.reads(HOSTNAME)
    assert name == guest.guest.hostname, guest.differs("host name", guest.guest.hostname, name)


def test_address_is_the_plans(guest: GuestMachine) -> None:
    """The interface with the planned MAC address has the planned address, and no other IPv4 one."""
    interfaces = {each.get("address"): each for each in json.loads(guest.reads(ADDRESSES))}
    interface = interfaces.get(guest.guest.mac, {"addr_info": []})
    addresses = [
        f"{each['local']}/{each['prefixlen']}" for each in interface["addr_info"] if each["family"] == "inet"
    ]
    planned = [str(guest.guest.address)]
    assert addresses == planned, guest.differs(f"addresses of {guest.guest.mac}", planned, addresses)


def test_student_can_log_in(guest: GuestMachine) -> None:
    """The student's account exists, and their own key opens it."""
    opened_by_key(guest, guest.reads(keys_of(guest.guest.student.login)), guest.student_key)


def opened_by_key(machine: MachineUnderTest, authorized: str, key: str) -> None:
    """A student's key is among those that open their account."""
    keys = [line.split()[:2] for line in authorized.splitlines() if line.strip()]
    assert key.split()[:2] in keys, machine.differs(
        "keys that open it", f"{key} among them", f"{len(keys)} others"
    )


def settings_without_passwords(machine: MachineUnderTest, printed: str) -> dict[str, str]:
    """sshd's settings, as it says itself; it asks for no password."""
    settings = dict(line.partition(" ")[::2] for line in printed.splitlines())
    for option in ("passwordauthentication", "kbdinteractiveauthentication", "permitemptypasswords"):
        assert settings.get(option) == "no", machine.differs(f"sshd's {option}", "no", settings.get(option))
    return settings


def test_passwords_open_nothing(guest: GuestMachine) -> None:
    """sshd asks for no password, and the student's account has none."""
    settings = settings_without_passwords(guest, guest.reads(SSHD))
    root = settings.get("permitrootlogin")
    assert root != "yes", guest.differs("sshd's permitrootlogin", "anything but yes", root)
    login = guest.guest.student.login
    state = guest.reads(password_of(login)).split()[1]
    assert state == "L", guest.differs(f"password of {login}", "L (locked)", state)
