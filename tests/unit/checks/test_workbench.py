"""The kernel that an emulated machine is started with, as a script finds it on a host."""

import lzma
import subprocess
from pathlib import Path

import pytest

from minetlab.checks.workbench import EMULATED_PC, KERNEL
from minetlab.images.guest import guest_recipe
from minetlab.images.recipe import NO_TIMER_CHECK, SUITES
from minetlab.sandbox.images import sandbox_recipe
from minetlab.util.paths import PROJECT_ROOT, TEMPLATES

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
