"""What a container host needs to know of a TP image. No I/O."""

import json
from dataclasses import dataclass

from minetlab.resources.docker import LAB_LABEL, TP_IMAGE_LABEL


@dataclass(frozen=True)
class ImageSpec:
    """A TP image of one lab.

    The reference carries the lab's name, so that of two labs on one host each can be torn down alone.

    :param name: the TP image's folder in ``tp/``.
    :param digest: hash of all it is made of, in hexadecimal.
    """

    lab: str
    name: str
    digest: str
    instructions: tuple[str, ...]

    @property
    def reference(self) -> str:
        """Repository and tag; the tag is the content hash, so that other content is another image."""
        return f"{self.lab}/{self.name}:{self.digest[:12]}"

    def changes(self) -> tuple[str, ...]:
        """The ``--change`` options of ``docker import``: instructions and labels."""
        labels = {LAB_LABEL: self.lab, TP_IMAGE_LABEL: self.name}
        named = (f"LABEL {key}={json.dumps(value)}" for key, value in labels.items())
        return tuple(f"--change={each}" for each in (*self.instructions, *named))
