"""What is measured where, what machines cost, and the kernel that an emulated machine is started with."""

import json
import lzma
import subprocess
from pathlib import Path

import pytest

from minetlab.checks.workbench import (
    EMULATED_PC,
    KERNEL,
    Bench,
    container_host_bench,
    copy_from,
    costs,
    kvm_host_bench,
)
from minetlab.claims.measurements import LOADS
from minetlab.images.guest import guest_recipe
from minetlab.images.recipe import NO_TIMER_CHECK, SUITES
from minetlab.sandbox.images import sandbox_recipe
from minetlab.util.paths import PROJECT_ROOT, TEMPLATES
from tests.support.answering import AnsweringLab
from tests.support.recorded import HV1, RecordedLab

ELF = b"\x7fELF" + b"kernel" * 1000
SETUP_SECTORS = 27


def packed(payload: bytes) -> bytes:
    """A kernel as Debian's: sectors of a loader, and behind some code of its own what the loader unpacks."""
    header = bytearray((SETUP_SECTORS + 1) * 512)
    code = b"code" * 100
    header[0x1F1] = SETUP_SECTORS
    header[0x248:0x24C] = len(code).to_bytes(4, "little")
    header[0x24C:0x250] = len(payload).to_bytes(4, "little")
    return bytes(header) + code + payload + b"what follows"


# Behind the payload stands its size when unpacked.
XZ = packed(lzma.compress(ELF) + len(ELF).to_bytes(4, "little"))
CUT_SHORT = packed(lzma.compress(ELF)[:-30])


@pytest.mark.parametrize(
    ("kernel", "config", "started"),
    [
        (XZ, "CONFIG_PVH=y\n", ELF),
        (XZ, "# CONFIG_PVH is not set\n", XZ),
        (packed(b"\x28\xb5\x2f\xfd" * 10), "CONFIG_PVH=y\n", packed(b"\x28\xb5\x2f\xfd" * 10)),
        (packed(lzma.compress(b"no ELF")), "CONFIG_PVH=y\n", packed(lzma.compress(b"no ELF"))),
        (CUT_SHORT, "CONFIG_PVH=y\n", CUT_SHORT),
    ],
    ids=["unpacked", "without PVH", "packed otherwise", "something else", "cut short"],
)
def test_the_hosts_kernel_is_unpacked_where_that_works(
    kernel: bytes, config: str, started: bytes, tmp_path: Path
) -> None:
    release = subprocess.run(["uname", "-r"], capture_output=True, text=True, check=True).stdout.strip()
    (tmp_path / f"vmlinuz-{release}").write_bytes(kernel)
    (tmp_path / f"config-{release}").write_text(config)
    file = tmp_path / "linux"
    script = KERNEL.format(file=file).replace("/boot/", f"{tmp_path}/")
    subprocess.run(["sh", "-c", script], check=True, timeout=60)
    assert file.read_bytes() == started
    assert file.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    "arguments",
    [
        *(guest_recipe(debian).kernel_arguments for debian in SUITES),
        *(sandbox_recipe(debian, "warm", 10).kernel_arguments for debian in SUITES),
        EMULATED_PC,
        (TEMPLATES / "libvirt/witness.xml.j2").read_text(),
        (PROJECT_ROOT / "tp/vm/home/vm").read_text(),
    ],
)
def test_a_pc_that_may_be_emulated_does_not_test_its_timer(arguments: str) -> None:
    assert NO_TIMER_CHECK in arguments.split()


FOLDER = "/home/folder/minet-lab.Abc123"
MAKES_FOLDER = {"mktemp --directory": f"{FOLDER}\n"}
LSCPU = RecordedLab().answers[HV1]["LC_ALL=C lscpu --json"]
# Answers each order as the real program does, with a time of its own for each.
WORKLOAD = "echo pret; while read -r order && [ $order != fin ]; do echo $order ${#order}.5; done"


def test_every_load_is_measured_in_every_environment_once_a_turn() -> None:
    lab = AnsweringLab(container={"calcul": WORKLOAD}, container_host={"calcul": WORKLOAD})
    programs = {
        "native": (lab.container.host_machine.host, "calcul -"),
        "container": (lab.container.host, "calcul -"),
    }
    bench = Bench("ct1", programs)  # type: ignore[arg-type]
    found = bench.measure(turns=2)
    assert [(each.turn, each.load, each.environment) for each in found.samples] == [
        (turn, load, name) for turn in range(2) for load in LOADS for name in programs
    ]
    times = {each.load: each.microseconds for each in found.samples}
    assert times == {"processor": 10.5, "kernel": 5.5, "memory": 7.5}
    assert found.boots.keys() == programs.keys()
    assert all(0 <= seconds < 60 for seconds in found.boots.values())
    assert (found.host, found.emulated_guest) == ("ct1", False)
    bench.show(found)
    said = "processeur : 10.5 µs\nnoyau : 5.5 µs\nmemoire : 7.5 µs\n"
    assert lab.transcript == [("container_host", "calcul -", said), ("container", "calcul -", said)]


def test_a_container_host_is_compared_with_what_it_emulates() -> None:
    lab = AnsweringLab(container_host=MAKES_FOLDER)
    with container_host_bench(lab.container) as bench:
        assert bench.host == lab.container.host_machine.name
        assert {name: command.split()[-2:] for name, (_, command) in bench.programs.items()} == {
            "native": [f"{FOLDER}/calcul", "-"],
            "container": ["/etc/skel/calcul-x86_64", "-"],
            "emulated program": ["/etc/skel/calcul-arm64", "-"],
            "emulated ARM64": ["--", "-"],
        }
        assert {name for name, (host, _) in bench.programs.items() if host is lab.container.host} == {
            "container", "emulated program", "emulated ARM64",
        }  # fmt: skip
        assert f"cat >{FOLDER}/calcul" in lab.asked("container_host")
        assert "rm --recursive" not in lab.asked("container_host")
    assert lab.backends["container_host"].asked[-1] == f"rm --recursive {FOLDER}"


@pytest.mark.parametrize(("flags", "emulated"), [(" svm ", False), (" ", True)])
def test_a_kvm_host_is_compared_with_its_guest_and_an_emulated_pc(flags: str, emulated: bool) -> None:
    lab = AnsweringLab(kvm_host={**MAKES_FOLDER, "lscpu": LSCPU.replace(" svm ", flags)}, guest=MAKES_FOLDER)
    with kvm_host_bench(lab.guest, lab.container) as bench:
        assert (bench.host, bench.emulated_guest) == (HV1, emulated)
        assert list(bench.programs) == ["native", "guest", "emulated PC"]
        assert bench.programs["guest"][0] is lab.guest.host
        assert f"-kernel {FOLDER}/linux -initrd {FOLDER}/initrd" in bench.programs["emulated PC"][1]
        for file in ("calcul", "initrd"):
            assert f"cat >{FOLDER}/{file}" in lab.asked("kvm_host")
        assert f"chmod 644 {FOLDER}/linux" in lab.asked("kvm_host")
        assert f"cat >{FOLDER}/calcul" in lab.asked("guest")
    for name in ("kvm_host", "guest"):
        assert lab.backends[name].asked[-1] == f"rm --recursive {FOLDER}"


def test_what_is_copied_out_of_a_container_is_its_bytes_or_an_error() -> None:
    lab = AnsweringLab(container_host={"calcul": "the program", "nothing": ValueError("No such file\n")})
    assert copy_from(lab.container, "/etc/skel/calcul") == b"the program"
    with pytest.raises(
        AssertionError, match=r"ct1: cannot read /nothing of minet-alice-processus: No such file$"
    ):
        copy_from(lab.container, "/nothing")


def test_costs_are_in_seconds_and_bytes() -> None:
    disk = "<disk><source file='{}'/></disk>"
    seed = (
        f"<disk><source file='/seed'/><readonly/></disk>{disk.format('/own')}{disk.format('/other')}<disk/>"
    )
    lab = AnsweringLab(
        kvm_host={
            "dumpxml": f"<domain><name>minet-alice</name><devices>{seed}</devices></domain>",
            "/own": json.dumps([{"actual-size": size} for size in (9000, 500, 70)]),
            "smaps_rollup": "2000",
        },
        guest={"FinishTimestampMonotonic": "9500000"},
        container_host={"--size": "4096 304096", "date +%s%3N": "600"},
        container={"memory.current": "8000"},
    )
    found = costs(lab.guest, lab.container)
    of_guest, of_container = found.guest, found.container
    assert (of_guest.machine, of_guest.kind, of_guest.seconds) == ("minet-alice", "guest", 9.5)
    assert (of_guest.memory, of_guest.disk, of_guest.shared) == (2000 * 1024, 9000, 570)
    assert (of_container.machine, of_container.kind) == ("minet-alice-processus", "container")
    assert (of_container.seconds, of_container.memory) == (0.6, 8000)
    assert (of_container.disk, of_container.shared) == (4096, 300000)
