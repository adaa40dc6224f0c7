"""Facts about the TP site on a container host."""

import shlex

from minetlab.facts.base import HostFact
from minetlab.resources.site import SiteObserved, sites_folder


class SiteFolders(HostFact[SiteObserved]):
    """The folder of a lab's TP site: who may enter it, and what is in it."""

    default = SiteObserved

    def command(self, lab: str) -> str:
        """Return a command that prints the folder's mode, and lists the folder."""
        return f"cd {shlex.quote(sites_folder(lab))} 2>/dev/null && stat --format=%a . && ls -A || true"

    def parse(self, output: list[str]) -> SiteObserved:
        """Parse the output: the mode, and then one name per line."""
        mode, *names = output or [""]
        return SiteObserved(tuple(filter(None, names)), private=mode == "700")
