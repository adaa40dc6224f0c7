"""The machines under test, and what is asked of them in one round trip."""

from pathlib import Path

import pytest

from minetlab.checks import machines as kinds
from minetlab.checks.machines import HARDWARE, Terminal
from minetlab.checks.modules import Kernel, Libvirt
from minetlab.checks.site import ServedSite
from minetlab.ssh.backend import connect
from tests.support.answering import AnsweringBackend, AnsweringLab
from tests.support.recorded import ALICE, HV1, RecordedLab
from tests.support.site_lab import SITE
from tests.support.verified import Machines

LSCPU = '{{"lscpu": [{{"field": "Vendor ID:", "data": "{}"}}, {{"field": "Flags:", "data": "{}"}}]}}'


@pytest.mark.parametrize(
    ("vendor", "flags", "name"),
    [
        ("AuthenticAMD", "fpu svm", "AMD-V"),
        ("GenuineIntel", "vmx fpu", "VT-x"),
        ("AuthenticAMD", "fpu vmx", None),
        ("GenuineIntel", "vmx_other", None),
        ("Other", "svm vmx", None),
    ],
)
def test_hardware_virtualization_is_that_of_the_vendor(vendor: str, flags: str, name: str | None) -> None:
    hardware = AnsweringLab(guest={"lscpu": LSCPU.format(vendor, flags)}).guest.hardware
    assert (hardware.name if hardware else None) == name


def test_whether_guests_can_virtualize_is_a_parameter_of_the_vendors_module() -> None:
    assert HARDWARE["AuthenticAMD"].nested == "cat /sys/module/kvm_amd/parameters/nested"


class Shell(AnsweringBackend):
    """Notes how each script is run."""

    def __init__(self) -> None:
        super().__init__("alice", {"ls": "\x1b[1;31ma\x1b[0m\r\nb\r\n"})
        self.ways: list[dict[str, object]] = []

    def run(self, command, *args, **kwargs):
        self.ways.append(kwargs)
        return super().run(command, *args, **kwargs)


def test_a_script_is_typed_once_at_a_terminal() -> None:
    shell = Shell()
    terminal = Terminal(connect(shell), ("runuser", "--login", "alice", "--command"))
    assert [terminal.types("ls"), terminal.types("ls"), terminal.types("pwd")] == ["a\nb\n", "a\nb\n", ""]
    assert shell.asked == [terminal.command("ls"), terminal.command("pwd")]
    assert [way["terminal"] for way in shell.ways] == [True, True]
    assert shell.asked[0].startswith("runuser --login alice --command 'stty columns 80 rows 24\n")


def test_the_chains_of_all_guests_are_read_with_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machines = Machines(tmp_path, monkeypatch)
    host = machines.session().kvm_hosts[HV1]
    disks = [
        disk for name in (ALICE, "minet-bob") for disk in Libvirt.disks(Libvirt.on(host.host).domains()[name])
    ]
    asked = machines.connections[HV1].asked
    asked.clear()
    first, base = host.chain(disks[0])
    assert first["filename"] == disks[0]
    assert base["filename"] == first["full-backing-filename"]
    assert any(all(disk in command for disk in disks) for command in asked)


def test_a_chain_is_read_of_a_disk_that_no_domain_has() -> None:
    lab = AnsweringLab(kvm_host={"qemu-img": '[{"filename": "/a"}]'})
    assert lab.guest.host_machine.chain("/a") == [{"filename": "/a"}]
    assert lab.backends["kvm_host"].asked == [Libvirt.DOMAINS, Libvirt.chain_command("/a")]


def test_a_guest_is_off_on_purpose_if_plan_and_host_say_so() -> None:
    lab = RecordedLab(guests_run=False)
    assert lab.guest.off == ""  # somebody has started it
    lab.switch_off()
    assert lab.guest.off == "minet-alice: defined, not started (guests_run is False on hv1)"
    wanted = RecordedLab()
    wanted.switch_off()
    assert wanted.guest.off == ""  # it has to answer


def test_a_host_is_asked_for_the_site_that_it_serves() -> None:
    site = ServedSite("minet", 8080, SITE, "ct1", "anchor")
    (_, with_site), (identity, without) = (kinds.container_host_batches(each) for each in (site, None))
    assert [*with_site] == [*without, *site.commands]
    assert Kernel.BOOT_ID in [*identity]


def test_an_answer_is_a_boot_id_and_a_difference_names_the_machine() -> None:
    lab = AnsweringLab(guest={"boot_id": ValueError("no route")})
    with pytest.raises(AssertionError, match="no route"):
        lab.guest.answers()
    lab.container.answers()
    assert lab.guest.differs("cores", 4, 2) == "minet-alice: cores: expected 4, observed 2"
