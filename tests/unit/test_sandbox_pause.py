"""A machine is stopped for saving while none of its processors is inside a guest."""

from pathlib import Path
from typing import Any

import pytest

from minetlab.errors import LabError
from minetlab.sandbox import pause as module
from minetlab.sandbox import qmp
from minetlab.sandbox.accelerator import Accelerator
from minetlab.sandbox.machine import Machine
from minetlab.sandbox.pause import in_guest, pause

TCG = Accelerator("tcg", "tried")
# hflags of a host's processor, and of the same one inside a guest of the host, as QEMU 10.0.13 writes them.
OUTSIDE, INSIDE = 0x1050C2B0, 0x1070C2B3


def states(*hflags: int) -> bytes:
    """The states of a timer and of processors, as they are in QEMU's migration stream."""
    stream = (
        b"QEVM\x00\x00\x00\x03"
        + b"\x04\x00\x00\x00\x02\x05timer\x00\x00\x00\x00\x00\x00\x00\x02"
        + b"\xff" * 24
    )
    for number, flags in enumerate(hflags):
        stream += b"\x04\x00\x00\x00\x03\x03cpu" + number.to_bytes(4) + b"\x00\x00\x00\x0c"
        stream += b"\xff" * 144 + flags.to_bytes(4) + b"\xff" * 500
    return stream


class Emulator:
    """Answers as QEMU does.

    :param moments: its devices' states at each moment at which it is stopped; the last one from then on.
    """

    def __init__(self, *moments: bytes) -> None:
        self.moments = list(moments)
        self.commands: list[str] = []

    def execute(self, path: Path, command: str, **arguments: Any) -> None:
        self.commands.append(command)
        if command == "xen-save-devices-state":
            assert arguments["live"] is False  # else QEMU gives the disk away
            Path(arguments["filename"]).write_bytes(self.moments[0])
            self.moments = self.moments[1:] or self.moments


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine("hv1", tmp_path)


def emulate(monkeypatch: pytest.MonkeyPatch, *moments: bytes) -> Emulator:
    emulator = Emulator(*moments)
    monkeypatch.setattr(qmp, "execute", emulator.execute)
    return emulator


@pytest.mark.parametrize(
    ("hflags", "inside"),
    [((OUTSIDE,), False), ((INSIDE,), True), ((OUTSIDE, INSIDE), True), ((OUTSIDE, OUTSIDE), False)],
)
def test_a_processor_inside_a_guest_is_seen(hflags: tuple[int, ...], inside: bool) -> None:
    assert in_guest(states(*hflags)) is inside


@pytest.mark.parametrize("unknown", [b"", b"QEVM", states(), states(OUTSIDE).replace(b"\x0c", b"\x0d")])
def test_states_without_a_processor_that_is_known_are_an_error(unknown: bytes) -> None:
    with pytest.raises(OSError, match="a way that is not known"):
        in_guest(unknown)


def test_a_machine_runs_on_until_it_is_outside(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    emulator = emulate(monkeypatch, states(INSIDE), states(INSIDE), states(OUTSIDE))
    pause(machine, TCG)
    look = ["stop", "xen-save-devices-state"]
    assert emulator.commands == [*look, "cont", *look, "cont", *look]
    assert not list(machine.folder.iterdir())  # what its processors hold is nobody's business


def test_a_machine_that_is_never_outside_is_one_error(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator = emulate(monkeypatch, states(INSIDE))
    monkeypatch.setattr(module, "LIMIT", 0.05)
    with pytest.raises(LabError, match="hv1 cannot be saved") as raised:
        pause(machine, TCG)
    assert "--shutdown" in str(raised.value.next_step)
    assert emulator.commands.count("cont") > 1


def test_under_kvm_the_kernel_saves_what_is_inside_a_guest(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator = emulate(monkeypatch, states(INSIDE))
    pause(machine, Accelerator("kvm", "tried"))
    assert emulator.commands == ["stop"]
