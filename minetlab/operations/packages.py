"""Operations on a host's Debian packages."""

from collections.abc import Mapping

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.operation import operation
from pyinfra.context import host

from minetlab.facts.packages import DebianPackages
from minetlab.operations import observe
from minetlab.operations.commands import Commands, failure
from minetlab.util.errors import LabError

APT = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--yes", "--option=DPkg::Lock::Timeout=300")


@operation()
def install(packages: Mapping[int, tuple[str, ...]]) -> Commands:
    """Install missing packages; update the package lists only if there are any.

    :param packages: names of the packages to have, by Debian release.
    """
    state = host.get_fact(DebianPackages)
    if state.debian is None or state.debian not in packages:
        releases = " or ".join(map(str, packages))
        yield failure(
            LabError(f"{host.name} is not Debian {releases}", next_step=f"install Debian {releases} on it")
        )
        return
    missing = sorted(set(packages[state.debian]) - state.installed)
    if not missing:
        host.noop("all packages are installed")
        return
    yield from observe.changing(
        [
            StringCommand(*APT, "update"),
            StringCommand(*APT, "install", "--no-install-recommends", *map(QuoteString, missing)),
        ]
    )
