"""What a container host has to know of a TP image. No I/O."""

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from minetlab.resources.docker import LAB_LABEL, TP_IMAGE_LABEL


@dataclass(frozen=True)
class ImageSpec:
    """A TP image of one lab.

    :param lab: the lab's name.
    :param name: the TP image's folder in ``tp/``.
    :param digest: hash of everything that it is made from, in hexadecimal.
    :param instructions: Dockerfile instructions that ``docker import`` applies, such as ``USER``.
    """

    lab: str
    name: str
    digest: str
    instructions: tuple[str, ...]

    @classmethod
    def of(cls, lab: str, name: str, content: str, instructions: tuple[str, ...]) -> Self:
        """Return the image with this content, of which a hash is given, and these instructions."""
        digest = sha256(json.dumps([content, instructions]).encode()).hexdigest()
        return cls(lab, name, digest, instructions)

    @property
    def reference(self) -> str:
        """Docker's name for it: the repository, and a tag made from the digest."""
        # The lab's name is in it, so that two labs on one host can be torn down separately.
        return f"{self.lab}/{self.name}:{self.digest[:12]}"

    def changes(self) -> tuple[str, ...]:
        """Return the ``--change`` options of ``docker import``, which set instructions and labels."""
        labels = {LAB_LABEL: self.lab, TP_IMAGE_LABEL: self.name}
        label_instructions = (f"LABEL {key}={json.dumps(value)}" for key, value in labels.items())
        return tuple(f"--change={instruction}" for instruction in (*self.instructions, *label_instructions))
