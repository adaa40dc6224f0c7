"""The platform of a sandbox host: its virtual hardware, and the QEMU and accelerator of this machine."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel

from minetlab.images.toolbox import Toolbox
from minetlab.sandbox.accelerator import Accelerator, processor
from minetlab.sandbox.qemu import hardware_arguments
from minetlab.sandbox.spec import SandboxSpec
from minetlab.util.process import run


class SandboxHardware(BaseModel, frozen=True):
    """The hardware that must be the same for a host to be resumed from a saved memory.

    :param qemu: QEMU's version.
    :param arguments: a hash of the QEMU arguments that describe the virtual hardware.
    :param accelerator: ``kvm`` or ``tcg``.
    :param processor: with ``kvm``, a description of this machine's processor; with ``tcg``, empty.
    """

    qemu: str
    arguments: str
    accelerator: str
    processor: str

    def difference(self, present: "SandboxHardware") -> str | None:
        """Say how ``present`` differs from this hardware, with which a memory was saved, or return None."""
        if self.qemu != present.qemu:
            return f"it was saved by QEMU {self.qemu}, and this is {present.qemu}"
        if self.accelerator != present.accelerator:
            return f"it was saved with accelerator {self.accelerator}, and this is {present.accelerator}"
        if self.arguments != present.arguments:
            return "it was saved with other virtual hardware"
        if self.processor != present.processor:
            return f"it was saved on another processor: {self.processor}, and this is {present.processor}"
        return None


@dataclass(frozen=True)
class Platform:
    """The image, virtual hardware and QEMU of a host.

    :param spec: its virtual hardware and image.
    :param groups: the inventory's groups whose daemons are in the image, and run from the start; sorted.
    :param image: the image at the bottom of its disk.
    :param accelerator: how QEMU runs it.
    :param toolbox: has its QEMU.
    """

    spec: SandboxSpec
    groups: tuple[str, ...]
    image: Path
    accelerator: Accelerator
    toolbox: Toolbox

    @cached_property
    def hardware(self) -> SandboxHardware:
        """Return what a saved memory must have been saved with to be resumed on this platform.

        :return: the hardware, with QEMU's version as the program itself prints it.
        :raises LabError: QEMU cannot be started.
        """
        arguments = json.dumps(hardware_arguments(self.spec, self.accelerator))
        version = run(self.toolbox.qemu(["--version"]), env=self.toolbox.env).splitlines()[0]
        return SandboxHardware(
            qemu=version.removeprefix("QEMU emulator version "),
            arguments=hashlib.sha256(arguments.encode()).hexdigest(),
            accelerator=self.accelerator.name,
            processor=processor() if self.accelerator.name == "kvm" else "",
        )
