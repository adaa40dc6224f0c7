"""Facts about the files that let people into a lab's containers and site."""

import shlex
from collections.abc import Mapping

from minetlab.facts.base import HostFact
from minetlab.resources.access import ObservedFile
from minetlab.resources.docker import access_folder


class AccessFiles(HostFact[Mapping[str, ObservedFile]]):
    """The files that let people into a lab's containers and site, by path below their folder."""

    default = dict

    def command(self, lab: str) -> str:
        """Return a command that prints lines of the form ``kind value path``: ``sha256`` and ``owner``."""
        folder = shlex.quote(access_folder(lab))
        return (
            f"cd {folder} 2>/dev/null && find . -type f -exec sha256sum {{}} + | sed 's/^/sha256 /'"
            " && find . -type f -printf 'owner %U %p\\n' || true"
        )

    def parse(self, output: list[str]) -> Mapping[str, ObservedFile]:
        """Parse the lines; a file that vanished between them is not there."""
        lines = [line.split(maxsplit=2) for line in output]
        digests = {path: digest for kind, digest, path in lines if kind == "sha256"}
        owners = {path: int(owner) for kind, owner, path in lines if kind == "owner"}
        return {
            path.removeprefix("./"): ObservedFile(digest, owners[path])
            for path, digest in digests.items()
            if path in owners
        }
