"""Stop a machine at a moment at which it can be saved.

An emulated processor that is inside a guest of the machine, in SVM's guest mode, cannot: QEMU writes its
state, and refuses to load it ("vCPU set in guest-mode inconsistent with migrated kernel nested state",
``cpu_post_load`` in ``target/i386/machine.c`` of QEMU 10.0). It leaves the guest at each interrupt,
hundreds of times a second.
"""

import re
import time

from minetlab.errors import LabError
from minetlab.sandbox import qmp
from minetlab.sandbox.accelerator import Accelerator
from minetlab.sandbox.machine import Machine

LIMIT = 30.0
"""Seconds to find a moment at which all processors of a machine are outside of guests."""
RUN = 0.005
"""Seconds that a machine runs on between two looks."""
DEVICES = "devices"
"""The file beside the machine's disk that its devices' states are written to, for a moment."""

# A section of QEMU's migration stream: type (4, whole), number, name with its length, instance, version.
_CPU = re.compile(rb"\x04.{4}\x03cpu.{4}\x00\x00\x00\x0c", re.DOTALL)
# What precedes hflags in a processor's state: 16 registers, rip and rflags, of eight bytes each.
_BEFORE_HFLAGS = 18 * 8
_GUEST_MODE = 1 << 21  # HF_GUEST_MASK in hflags, 4 bytes, big endian


def pause(machine: Machine, accelerator: Accelerator) -> None:
    """Stop a machine; if it is emulated, at a moment at which none of its processors is inside a guest.

    :raises LabError: there is no such moment; the machine is stopped.
    :raises OSError: QEMU does not answer.
    """
    qmp.execute(machine.qmp_socket, "stop")
    latest = time.monotonic() + LIMIT
    while accelerator.name == "tcg" and in_guest(_device_states(machine)):
        if time.monotonic() > latest:
            raise LabError(
                f"sandbox host {machine.name} cannot be saved: whenever it is stopped, it is inside a guest",
                next_step="it goes on; try again, or shut it down instead: ./lab sandbox stop --shutdown",
            )
        qmp.execute(machine.qmp_socket, "cont")
        time.sleep(RUN)
        qmp.execute(machine.qmp_socket, "stop")


def in_guest(states: bytes) -> bool:
    """Whether a processor is inside a guest.

    :param states: of all devices of a machine, as QEMU writes them in a migration stream.
    :raises OSError: no processor is found in it.
    """
    hflags = [
        int.from_bytes(states[section.end() + _BEFORE_HFLAGS :][:4]) for section in _CPU.finditer(states)
    ]
    if not hflags:
        raise OSError("QEMU writes the state of processors in a way that is not known")
    return any(flags & _GUEST_MODE for flags in hflags)


def _device_states(machine: Machine) -> bytes:
    """The state of a stopped machine's devices, its processors among them, without its memory."""
    file = machine.folder / DEVICES
    try:
        # The one command that writes them alone; Xen has no part in it. Not live: the machine keeps its disk.
        qmp.execute(machine.qmp_socket, "xen-save-devices-state", filename=str(file), live=False)
        return file.read_bytes()
    finally:
        file.unlink(missing_ok=True)
