"""What commands print, read as values."""

from collections.abc import Mapping
from xml.etree import ElementTree as ET

import pytest
from testinfra.host import Host

from minetlab.checks.machines import HARDWARE
from minetlab.checks.modules import (
    Confinement,
    Cpu,
    Docker,
    Kernel,
    Libvirt,
    Qemu,
    Reader,
    Units,
    capabilities,
)
from minetlab.ssh.backend import connect
from tests.support.answering import AnsweringBackend


def machine(answers: Mapping[str, str | Exception]) -> Host:
    return connect(AnsweringBackend("hv1", answers))


def test_what_is_read_is_noted_and_what_fails_is_an_error_with_its_message() -> None:
    host = machine({"uname": "6.12\n\n", "cat": ValueError("cat: no such file\n"), "false": ValueError("")})
    assert Reader.on(host).read("uname -r") == "6.12"
    with pytest.raises(AssertionError, match=r"^hv1: `cat x` failed with 1: cat: no such file$"):
        Reader.on(host).read("cat x")
    with pytest.raises(AssertionError, match=r"^hv1: `false` failed with 1: no message$"):
        Reader.on(host).read("false")
    assert host.backend.transcript == [
        ("hv1", "uname -r", "6.12\n\n"), ("hv1", "cat x", "cat: no such file\n"), ("hv1", "false", ""),
    ]  # fmt: skip


def test_the_fields_of_a_cpu_are_found_at_any_depth() -> None:
    tree = """{"lscpu": [
        {"field": "Vendor ID:", "data": "GenuineIntel", "children": [
            {"field": "Model name:", "data": "a", "children": [{"field": "Flags:", "data": "vmx"}]},
            {"field": "NUMA:", "data": null}]},
        {"field": "CPU(s):", "data": "4"}, {"field": "CPU(s):", "data": "8"}]}"""
    assert Cpu.on(machine({"lscpu": tree})).fields() == {
        "Vendor ID": "GenuineIntel", "Model name": "a", "Flags": "vmx", "NUMA": "", "CPU(s)": "8",
    }  # fmt: skip


OPTIONS = """\
options a_module nested=0
options kvm-intel ept=1 nested=0 zeal
options kvm_intel nested=1 aim=2
options z_module nested=0
"""


def test_the_last_setting_of_an_option_holds() -> None:
    kernel = Kernel.on(machine({"modprobe": OPTIONS}))
    assert kernel.option("kvm_intel", "nested") == "1"
    assert kernel.option("kvm_intel", "ept") == "1"
    assert kernel.option("kvm_intel", "zeal") == ""
    assert kernel.option("z_module", "nested") == "0"
    assert kernel.option("kvm_intel", "none") is None
    assert kernel.option("kvm_amd", "nested") is None


def test_of_a_module_its_name_parameters_and_users_are_read() -> None:
    kernel = Kernel.on(machine({"ls /sys/module": "kvm\nkvm_amd\n", "kvm_amd/parameters/nested": "1\n"}))
    assert kernel.has_module("kvm")
    assert not kernel.has_module("amd")
    amd = HARDWARE["AuthenticAMD"]
    assert kernel.read(amd.nested) == "1"
    assert amd.users == "cat /sys/module/kvm_amd/refcnt"


def test_namespaces_that_are_not_all_there_are_an_error() -> None:
    kernel = Kernel.on(machine({"readlink": "pid:[1]\nmnt:[2]\n"}))
    for command in (Kernel.HOST_NAMESPACES, Kernel.OWN_NAMESPACES):
        with pytest.raises(ValueError, match="shorter"):
            kernel.namespaces(command)


def test_states_of_units_are_read_whatever_is_in_them() -> None:
    shown = (
        "Id=a=b.service\nActiveState=active\nUnitFileState=\n\n"
        "Id=c.socket\nActiveState=inactive\nUnitFileState=enabled\n"
    )
    assert Units.on(machine({"systemctl": shown})).states("a", "c") == {
        "a=b.service": ("active", ""),
        "c.socket": ("inactive", "enabled"),
    }


def test_disks_that_can_be_written_and_have_a_file_are_a_domains() -> None:
    domain = ET.fromstring(  # noqa: S314 (it is written here)
        "<domain><devices><disk/><disk><source file='/a'/></disk><disk><source dev='/b'/></disk>"
        "<disk><readonly/><source file='/c'/></disk></devices></domain>"
    )
    assert Libvirt.disks(domain) == ["/a", ""]


def test_a_host_without_containers_has_none() -> None:
    docker = Docker.on(machine({}))
    assert (docker.containers(), docker.pids()) == ({}, {})


def test_a_container_that_ended_meanwhile_has_no_process() -> None:
    assert Docker.on(machine({"NSpid": "/a 12 1\n/b\n"})).pids() == {"a": (12, 1)}


def test_of_a_container_the_bytes_and_the_milliseconds_are_read() -> None:
    docker = Docker.on(machine({"--size": "10 300\n", "docker run": "1500\n"}))
    assert docker.size("box") == {"SizeRw": 10, "SizeRootFs": 300}
    assert docker.seconds_to_run("box") == 1.5
    with pytest.raises(ValueError, match="shorter"):
        Docker.on(machine({"--size": "10\n"})).size("box")


def test_of_each_qemu_its_own_files_and_exits_are_read() -> None:
    files = "a /dev/kvm\nb /dev/null\nc /a file\nb /b file here\n"
    qemu = Qemu.on(machine({"readlink": files, "exits": "a 1\nb 20\nc 3\na\nb 25\n", "Pss": "3\n"}))
    assert qemu.files("b") == ["/dev/null", "/b file here"]
    assert qemu.exits("b") == [20, 25]
    assert qemu.exits("a") == [1]
    assert qemu.memory("b") == 3072


def test_of_a_container_the_memory_and_limits_are_read() -> None:
    confinement = Confinement.on(
        machine({"memory.current": "8000\n", "pids.max": "128\n", "status": "A:\t 1: 2\n"})
    )
    assert (confinement.memory(), confinement.limit("pids.max")) == (8000, "128")
    assert confinement.status() == {"A": "1: 2"}


@pytest.mark.parametrize(
    ("mask", "names"),
    [
        ("0", set()),
        ("1", {"CHOWN"}),
        ("00000000000000c0", {"SETGID", "SETUID"}),
        ("10000000000", {"CHECKPOINT_RESTORE"}),
        ("20000000000", {"41"}),
        ("a80425fb", {
            *("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP"),
            *("NET_BIND_SERVICE", "NET_RAW", "SYS_CHROOT", "MKNOD", "AUDIT_WRITE", "SETFCAP"),
        }),
    ],
)  # fmt: skip
def test_a_mask_names_capabilities(mask: str, names: set[str]) -> None:
    assert capabilities(mask) == names
