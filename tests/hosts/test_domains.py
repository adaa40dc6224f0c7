"""Checks of a guest as its host sees it: the domain and its disk."""

from xml.etree import ElementTree as ET

import pytest

from minetlab.checks.assertions import require_hardware
from minetlab.checks.machines import GuestMachine
from minetlab.checks.modules import Kernel, Libvirt, Qemu


def domain_of(domain: GuestMachine) -> ET.Element:
    """The domain's XML."""
    domains: dict[str, ET.Element] = Libvirt.on(domain.host_machine.host).domains()
    assert domain.name in domains, (
        f"{domain.host_machine.name}: {domain.name}: no such domain\n  → run the deploy"
    )
    return domains[domain.name]


def running(domain: GuestMachine) -> GuestMachine:
    """The domain; where it is off on purpose the check is not demonstrable, and that is said."""
    if domain.off:
        pytest.skip(domain.off)
    return domain


def test_domain_is_started_as_planned(domain: GuestMachine) -> None:
    """Now and at its host's boot, if it is to run; else not at boot: somebody may have started it."""
    domain_of(domain)
    libvirt = Libvirt.on(domain.host_machine.host)
    if not domain.guest.to_run:
        names = libvirt.names(Libvirt.AUTOSTARTED)
        assert domain.name not in names, domain.differs(
            f"autostarted by {domain.host_machine.name}", "no", "yes"
        )
        return
    for state, command in (("running", Libvirt.RUNNING), ("autostarted", Libvirt.AUTOSTARTED)):
        names = libvirt.names(command)
        assert domain.name in names, (
            f"{domain.host_machine.name}: {domain.name} is not {state}; {sorted(names)} are"
        )


def test_domain_is_accelerated(domain: GuestMachine) -> None:
    """KVM where the host's CPU can; without, emulation is declared, or an error under require_kvm."""
    kind = domain_of(domain).get("type")
    hardware = domain.host_machine.hardware
    wanted = "kvm" if hardware or domain.host_machine.require_kvm else "qemu"
    assert kind == wanted, domain.differs(f"type of the domain on {domain.host_machine.name}", wanted, kind)
    if kind == "qemu":
        pytest.skip(
            f"{domain.name}: emulated (tcg): {domain.host_machine.name} has no hardware virtualization"
        )


def test_domain_is_as_planned(domain: GuestMachine) -> None:
    xml = domain_of(domain)
    size = domain.host_machine.settings.guest
    mac = xml.find("devices/interface/mac")
    memory = xml.find("memory")
    assert memory is not None
    unit = {"KiB": 1, "MiB": 1024, "GiB": 1024**2}[memory.get("unit", "KiB")]
    observed = {
        "UUID": xml.findtext("uuid"),
        "MAC address": mac.get("address") if mac is not None else None,
        "memory in MiB": int(memory.text or 0) * unit // 1024,
        "virtual CPUs": int(xml.findtext("vcpu", "0")),
        "processor time in each tenth of a second": xml.findtext("cputune/global_quota"),
        "disk operations per second": xml.findtext("devices/disk/iotune/total_iops_sec"),
        "bytes of one of them": xml.findtext("devices/disk/iotune/size_iops_sec"),
        "KiB/s that it may send": _average(xml.find("devices/interface/bandwidth/outbound")),
        "KiB/s that it may receive": _average(xml.find("devices/interface/bandwidth/inbound")),
    }
    planned = {
        "UUID": str(domain.guest.uuid),
        "MAC address": domain.guest.mac,
        "memory in MiB": size.memory,
        "virtual CPUs": size.cores,
        "processor time in each tenth of a second": str(int(size.cpus * 100_000)) if size.cpus else None,
        "disk operations per second": str(size.iops),
        "bytes of one of them": "65536",
        "KiB/s that it may send": str(size.bandwidth * 1_000_000 // 8192),
        "KiB/s that it may receive": str(size.bandwidth * 1_000_000 // 8192),
    }
    wrong = domain.differences("{}", planned, observed)
    assert not wrong, "\n".join(wrong)


def _average(limit: ET.Element | None) -> str | None:
    return limit.get("average") if limit is not None else None


def test_domain_sends_from_its_own_address_to_others_than_its_neighbours(domain: GuestMachine) -> None:
    interface = domain_of(domain).find("devices/interface")
    assert interface is not None, domain.differs("interfaces", "one", "none")
    port, filtered = interface.find("port"), interface.find("filterref")
    address = interface.find("filterref/parameter[@name='IP']")
    observed = {
        "port of the bridge": "isolated"
        if port is not None and port.get("isolated") == "yes"
        else "not isolated",
        "filter": filtered.get("filter") if filtered is not None else None,
        "address that it may send from": address.get("value") if address is not None else None,
    }
    planned = {
        "port of the bridge": "isolated",
        "filter": "clean-traffic",
        "address that it may send from": str(domain.guest.address.ip),
    }
    wrong = domain.differences("{}", planned, observed)
    assert not wrong, "\n".join(wrong)


def test_disk_is_a_whole_linked_clone(domain: GuestMachine) -> None:
    """Every image of the backing chain is there and sound, and there is one below the guest's own."""
    disks = Libvirt.disks(domain_of(domain))
    assert disks, domain.differs("writable disks", "at least one", disks)
    chain = domain.host_machine.chain(disks[0])
    files = [image["filename"] for image in chain]
    assert len(files) > 1, domain.differs("backing chain", "the disk and its base image", files)
    for image in chain:
        details = image.get("format-specific", {}).get("data", {})
        assert image["format"] == "qcow2", domain.differs(image["filename"], "qcow2", image["format"])
        assert not details.get("corrupt"), domain.differs(image["filename"], "no corruption", "corrupt")


@pytest.mark.claim("C07")
def test_host_sees_one_qemu_process(domain: GuestMachine) -> None:
    """Whatever runs in the guest, all that its host has of it is one process."""
    processes = Qemu.on(running(domain).host_machine.host).domains().count(domain.name)
    assert processes == 1, domain.differs(f"QEMU processes on {domain.host_machine.name}", 1, processes)


def test_process_is_confined(domain: GuestMachine) -> None:
    """By a profile of its own, so that whoever breaks out of one QEMU does not reach the disks of others."""
    host = running(domain).host_machine
    if not Kernel.on(host.host).has_apparmor():
        pytest.skip(f"{domain.name}: not confined: the kernel of {host.name} has no AppArmor")
    expected = f"libvirt-{domain.guest.uuid} (enforce)"
    profile = Qemu.on(host.host).profile(domain.name)
    assert profile == expected, (
        f"{domain.differs('profile of its QEMU process', expected, profile)}"
        f"\n  → on {host.name}: virsh shutdown {domain.name}; then deploy again"
    )


@pytest.mark.claim("C12")
def test_process_uses_kvm(domain: GuestMachine) -> None:
    """The guest's code runs on the CPU: its process holds /dev/kvm and the virtual machine made with it."""
    require_hardware(running(domain).host_machine)
    files = Qemu.on(domain.host_machine.host).files(domain.name)
    for wanted in ("/dev/kvm", "anon_inode:kvm-vm"):
        assert wanted in files, domain.differs("what its QEMU process has open", wanted, sorted(set(files)))


@pytest.mark.claim("C13")
def test_processor_leaves_the_guest(domain: GuestMachine) -> None:
    """KVM counts every exit, and a guest that runs, were it idle, has some."""
    require_hardware(running(domain).host_machine)
    counted = Qemu.on(domain.host_machine.host).exits(domain.name)
    assert len(counted) == 2, domain.differs("exits", "counted", "not counted")
    before, after = counted
    assert after > before, domain.differs("exits", f"more than {before}", after)


@pytest.mark.claim("C17")
def test_module_serves_the_guest(domain: GuestMachine) -> None:
    """KVM is of type 1, a part of the kernel: its module is in use, once by each virtual machine at least."""
    expected = require_hardware(running(domain).host_machine)
    users = int(domain.host_machine.reads(expected.users))
    guests = len(Qemu.on(domain.host_machine.host).domains())
    assert users >= guests > 0, domain.differs(f"users of {expected.module}", f"{guests} guests", users)
