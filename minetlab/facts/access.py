"""Facts about the files that let people into a lab's containers and site."""

import shlex
from collections.abc import Iterable, Mapping

from pyinfra.api.facts import FactBase

from minetlab.resources.docker import access_folder


class AccessFiles(FactBase[Mapping[str, str]]):
    """SHA-256 of the files that let people into a lab's containers and site, by path below their folder."""

    default = dict

    def command(self, lab: str) -> str:
        """Return a command that prints the SHA-256 and path of each file."""
        folder = shlex.quote(access_folder(lab))
        return f"cd {folder} 2>/dev/null && find . -type f -exec sha256sum {{}} + || true"

    def process(self, output: Iterable[str]) -> Mapping[str, str]:
        """Parse the output of sha256sum(1)."""
        return {
            path.removeprefix("./"): digest for digest, path in (line.split(maxsplit=1) for line in output)
        }
