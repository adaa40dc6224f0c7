"""What a saved memory must have been saved with."""

from pathlib import Path

import pytest

from minetlab.sandbox.accelerator import Accelerator, processor
from minetlab.sandbox.platform import Platform, SandboxHardware
from tests.support.fake_toolbox import SMALL, FakeToolbox

HARDWARE = SandboxHardware(qemu="11.1.3", arguments="a", accelerator="kvm", processor="Ryzen")


@pytest.mark.parametrize(
    ("field", "other", "why"),
    [
        ("qemu", "9", "it was saved by QEMU 11.1.3, and this is 9"),
        ("qemu", "10", "it was saved by QEMU 11.1.3, and this is 10"),
        ("accelerator", "tcg", "it was saved with accelerator kvm, and this is tcg"),
        ("accelerator", "hvf", "it was saved with accelerator kvm, and this is hvf"),
        ("arguments", "", "it was saved with other virtual hardware"),
        ("arguments", "b", "it was saved with other virtual hardware"),
        ("processor", "Xeon", "it was saved on another processor: Ryzen, and this is Xeon"),
        ("processor", "EPYC", "it was saved on another processor: Ryzen, and this is EPYC"),
    ],
)
def test_each_difference_is_said_in_words(field: str, other: str, why: str) -> None:
    assert HARDWARE.difference(HARDWARE.model_copy(update={field: other})) == why


def test_equal_hardware_does_not_differ() -> None:
    assert HARDWARE.difference(SandboxHardware.model_validate_json(HARDWARE.model_dump_json())) is None


def test_hardware_is_that_of_spec_accelerator_and_qemu(toolbox: FakeToolbox) -> None:
    def of(accelerator: str, memory: int = 512) -> SandboxHardware:
        how = Accelerator(accelerator, "tried")  # type: ignore[arg-type]
        spec = SMALL.model_copy(update={"memory": memory})
        return Platform(spec, (), Path("/i"), how, toolbox).hardware

    emulated = of("tcg")
    assert (emulated.qemu, emulated.accelerator, emulated.processor) == ("11.1.3", "tcg", "")
    assert of("tcg") == emulated
    assert of("tcg", 600).difference(emulated) == "it was saved with other virtual hardware"
    assert of("kvm").processor == processor()
    toolbox.behave(version="11.2.0 (Debian 1:11.2.0)")
    assert of("tcg").qemu == "11.2.0 (Debian 1:11.2.0)"


def test_qemu_is_asked_once(toolbox: FakeToolbox) -> None:
    platform = Platform(SMALL, (), Path("/i"), Accelerator("tcg", "tried"), toolbox)
    before = platform.hardware
    toolbox.behave(version="12")
    assert platform.hardware is before
