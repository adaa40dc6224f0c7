"""What a container host has to know of a TP image. No I/O."""

import json
from dataclasses import dataclass
from hashlib import sha256

from minetlab.resources.docker import LAB_LABEL, TP_IMAGE_LABEL


@dataclass(frozen=True)
class ImageSpec:
    """A TP image of one lab.

    :param lab: the lab's name.
    :param name: the TP image's folder in ``tp/``.
    :param content: hash of its root file system's recipe, in hexadecimal.
    :param instructions: Dockerfile instructions that ``docker import`` applies, such as ``USER``.
    """

    lab: str
    name: str
    content: str
    instructions: tuple[str, ...]

    @property
    def reference(self) -> str:
        """Docker's name for it: the repository, and a tag that is a hash of content and instructions."""
        digest = sha256(json.dumps([self.content, self.instructions]).encode()).hexdigest()
        # The lab's name is in it, so that two labs on one host can be torn down separately.
        return f"{self.lab}/{self.name}:{digest[:12]}"

    def changes(self) -> tuple[str, ...]:
        """Return the ``--change`` options of ``docker import``, which set instructions and labels."""
        labels = {LAB_LABEL: self.lab, TP_IMAGE_LABEL: self.name}
        label_instructions = (f"LABEL {key}={json.dumps(value)}" for key, value in labels.items())
        return tuple(f"--change={instruction}" for instruction in (*self.instructions, *label_instructions))
