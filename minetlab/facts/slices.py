"""Facts about the slices of a lab's containers, and of Docker's daemons."""

import shlex

from minetlab.facts.base import HostFact
from minetlab.resources.printed import text
from minetlab.resources.slices import daemon_files, limits_file, weight_file


class SliceLimits(HostFact[str]):
    """The files with the limits of the lab's slice and of each container's; empty if there is none."""

    default = str

    def command(self, lab: str) -> str:
        """Return a command that prints the files."""
        return f"cat {shlex.quote(weight_file(lab))} {shlex.quote(limits_file(lab))} 2>/dev/null || true"

    def parse(self, output: list[str]) -> str:
        """Return the content."""
        return text(output)


class DaemonSlice(HostFact[str]):
    """The files that hold back Docker's daemons; empty if there is none."""

    default = str

    def command(self) -> str:
        """Return a command that prints the files."""
        return f"cat {shlex.join(daemon_files())} 2>/dev/null || true"

    def parse(self, output: list[str]) -> str:
        """Return the content."""
        return text(output)
