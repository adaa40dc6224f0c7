"""What a sandbox host runs on, here and now."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from minetlab.images.toolbox import Toolbox
from minetlab.sandbox.accelerator import Accelerator, processor
from minetlab.sandbox.qemu import hardware_arguments
from minetlab.sandbox.spec import SandboxSpec
from minetlab.util.process import run


class SandboxHardware(BaseModel):
    """What a host runs on: a saved one goes on with the same, or not at all.

    :param qemu: QEMU's version.
    :param arguments: a hash of the arguments that describe the virtual hardware.
    :param accelerator: ``kvm`` or ``tcg``.
    :param processor: under ``kvm``, what this machine's processor is; nothing under ``tcg``.
    """

    model_config = ConfigDict(frozen=True)

    qemu: str
    arguments: str
    accelerator: str
    processor: str

    def difference(self, now: "SandboxHardware") -> str | None:
        """In what the hardware of now differs from this one, in words; None if in nothing."""
        if self.qemu != now.qemu:
            return f"it was saved by QEMU {self.qemu}, and this is {now.qemu}"
        if self.accelerator != now.accelerator:
            return f"it was saved with accelerator {self.accelerator}, and this is {now.accelerator}"
        if self.arguments != now.arguments:
            return "it was saved with other virtual hardware"
        if self.processor != now.processor:
            return f"it was saved on another processor: {self.processor}, and this is {now.processor}"
        return None


@dataclass(frozen=True)
class Platform:
    """What a host is made of and runs on.

    :param groups: the inventory's groups whose daemons are in the image, and run from the start.
    :param image: the image at the bottom of its disk.
    """

    spec: SandboxSpec
    groups: tuple[str, ...]
    image: Path
    accelerator: Accelerator
    toolbox: Toolbox

    @cached_property
    def hardware(self) -> SandboxHardware:
        """What a saved memory has to fit.

        :raises LabError: QEMU does not run.
        """
        arguments = json.dumps(hardware_arguments(self.spec, self.accelerator))
        version = run(self.toolbox.qemu(["--version"]), env=self.toolbox.env).splitlines()[0]
        return SandboxHardware(
            qemu=version.removeprefix("QEMU emulator version "),
            arguments=hashlib.sha256(arguments.encode()).hexdigest(),
            accelerator=self.accelerator.name,
            processor=processor() if self.accelerator.name == "kvm" else "",
        )
