"""Checks of a KVM host: hardware virtualization, nested, libvirt."""

import pytest

from minetlab.checks.assertions import require_hardware
from minetlab.checks.machines import (
    HARDWARE,
    KVM_DEVICE,
    LIBVIRT_TO_NOBODY,
    LIBVIRT_UNITS,
    QEMU_GROUPS,
    KvmMachine,
)
from minetlab.checks.modules import Cpu, Kernel, Libvirt, Qemu, Units


@pytest.mark.claim("C14")
def test_virtualization_is_the_vendors(kvm_host: KvmMachine) -> None:
    """AMD: AMD-V, Intel: VT-x: vendor, flag, loaded module and lscpu's word for it agree."""
    hardware = require_hardware(kvm_host)
    cpu = Cpu.on(kvm_host.host).fields()
    named = cpu.get("Virtualization")
    assert named == hardware.name, kvm_host.differs("lscpu's Virtualization", hardware.name, named)
    kernel = Kernel.on(kvm_host.host)
    loaded = [each.module for each in HARDWARE.values() if kernel.has_module(each.module)]
    assert loaded == [hardware.module], kvm_host.differs("loaded KVM modules", [hardware.module], loaded)


@pytest.mark.claim("C15")
def test_nested_is_on(kvm_host: KvmMachine) -> None:
    hardware = require_hardware(kvm_host)
    nested = kvm_host.reads(hardware.nested)
    assert nested in {"1", "Y"}, kvm_host.differs(f"nested of {hardware.module}", "1 or Y", nested)


@pytest.mark.claim("C15")
def test_nested_survives_a_reboot(kvm_host: KvmMachine) -> None:
    """Not the module's default of today, but what modprobe has been told to set at every load."""
    hardware = require_hardware(kvm_host)
    told = Kernel.on(kvm_host.host).option(hardware.module, "nested")
    assert told in {"1", "Y", "y"}, kvm_host.differs(f"modprobe's nested of {hardware.module}", "1", told)


def test_kvm_device_is_open_to_qemu(kvm_host: KvmMachine) -> None:
    """/dev/kvm belongs to the group kvm, may be read and written by it, and QEMU's user is in it."""
    require_hardware(kvm_host)
    group, mode = kvm_host.reads(KVM_DEVICE).split()
    assert group == "kvm", kvm_host.differs("group of /dev/kvm", "kvm", group)
    assert int(mode, 8) & 0o060 == 0o060, kvm_host.differs("mode of /dev/kvm", "660 or wider", mode)
    groups = kvm_host.reads(QEMU_GROUPS).split()
    assert "kvm" in groups, kvm_host.differs("groups of libvirt-qemu", "kvm among them", groups)


def test_libvirt_answers(kvm_host: KvmMachine) -> None:
    version = Libvirt.on(kvm_host.host).read(Libvirt.VERSION)
    assert "Running against daemon" in version, kvm_host.differs("virsh version", "a daemon", version)


def test_libvirt_starts_at_boot(kvm_host: KvmMachine) -> None:
    """The daemon or its socket, which starts it, runs now and is enabled; one daemon or the modular ones."""
    units = Units.on(kvm_host.host).states(*LIBVIRT_UNITS)
    good = [name for name, state in units.items() if state == ("active", "enabled")]
    assert good, kvm_host.differs("libvirt's units", f"one of {', '.join(units)} active and enabled", units)


def test_libvirt_refuses_other_accounts(kvm_host: KvmMachine) -> None:
    """Who may connect reads what guests there are, and can keep libvirtd from others by many connections."""
    sockets = dict(line.split() for line in kvm_host.reads(LIBVIRT_TO_NOBODY).splitlines())
    assert sockets, kvm_host.differs("sockets of libvirt", "some", "none")
    opened = [path for path, state in sockets.items() if state != "closed"]
    assert not opened, kvm_host.differs("sockets of libvirt that are open to nobody", "none", opened)


def test_network_stands(kvm_host: KvmMachine) -> None:
    labs_own_is_listed(kvm_host, "active networks", Libvirt.NETWORKS)
    labs_own_is_listed(kvm_host, "autostarted networks", Libvirt.AUTOSTARTED_NETWORKS)


def test_pool_stands(kvm_host: KvmMachine) -> None:
    labs_own_is_listed(kvm_host, "active pools", Libvirt.POOLS)
    labs_own_is_listed(kvm_host, "autostarted pools", Libvirt.AUTOSTARTED_POOLS)


def labs_own_is_listed(kvm_host: KvmMachine, things: str, command: str) -> None:
    """Fail if the list lacks what the lab has made, which has the lab's name."""
    names = Libvirt.on(kvm_host.host).names(command)
    assert kvm_host.lab in names, kvm_host.differs(things, kvm_host.lab, sorted(names))


@pytest.mark.claim("C17")
def test_emulator_is_a_plain_process(kvm_host: KvmMachine) -> None:
    """Emulation is of type 2, a program like others: nobody can run it, and it needs nothing of KVM."""
    user, files = Qemu.on(kvm_host.host).emulator()
    assert user == "nobody", kvm_host.differs("user of an emulating QEMU", "nobody", user)
    kvm = [file for file in files if "kvm" in file]
    assert not kvm, kvm_host.differs("what an emulating QEMU has open of KVM", "nothing", kvm)
