"""Facts about the slices of a lab's containers."""

import shlex

from minetlab.facts.base import HostFact
from minetlab.resources.printed import text
from minetlab.resources.slices import limits_file, weight_file


class SliceLimits(HostFact[str]):
    """The files with the limits of the lab's slice and of each container's; empty if there is none."""

    default = str

    def command(self, lab: str) -> str:
        """Return a command that prints the files."""
        return f"cat {shlex.quote(weight_file(lab))} {shlex.quote(limits_file(lab))} 2>/dev/null || true"

    def parse(self, output: list[str]) -> str:
        """Return the content."""
        return text(output)
