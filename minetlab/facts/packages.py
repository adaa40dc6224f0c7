"""The fact about a host's Debian packages."""

import re
from dataclasses import dataclass

from minetlab.facts.base import HostFact


@dataclass(frozen=True)
class PackageState:
    """The packages of a host.

    :param debian: its Debian release; None if it is another system.
    :param installed: names of the packages that are installed and configured.
    """

    debian: int | None = None
    installed: frozenset[str] = frozenset()


class DebianPackages(HostFact[PackageState]):
    """The host's Debian release and its installed packages."""

    default = PackageState

    def command(self) -> str:
        """Return a command that prints the release, then a line per package."""
        return (
            '(. /etc/os-release; echo "$ID $VERSION_ID"); '
            "dpkg-query --show --showformat '${db:Status-Status} ${Package}\\n'"
        )

    def parse(self, output: list[str]) -> PackageState:
        """Parse the lines."""
        release, *packages = output
        debian = re.match(r"debian (\d+)", release)
        return PackageState(
            int(debian[1]) if debian else None,
            frozenset(line.split(" ")[1] for line in packages if line.startswith("installed ")),
        )
