"""Facts about the TP site on a container host."""

import shlex

from minetlab.facts.base import HostFact
from minetlab.resources.site import sites_folder


class SiteFolders(HostFact[tuple[str, ...]]):
    """Names of what is in the folder of a lab's TP site: revisions, the status, and leftovers."""

    default = tuple

    def command(self, lab: str) -> str:
        """Return a command that lists the folder."""
        return f"ls -A {shlex.quote(sites_folder(lab))} 2>/dev/null || true"

    def parse(self, output: list[str]) -> tuple[str, ...]:
        """Parse the output: one name per line."""
        return tuple(line for line in output if line)
