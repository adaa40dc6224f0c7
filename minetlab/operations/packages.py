"""Operations on a host's Debian packages."""

from collections.abc import Iterator, Mapping

from pyinfra.api.command import PyinfraCommand, QuoteString, StringCommand
from pyinfra.context import host

from minetlab.facts.packages import DebianPackages
from minetlab.operations import observe
from minetlab.operations.commands import lab_operation
from minetlab.util.errors import LabError

APT = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--yes", "--option=DPkg::Lock::Timeout=300")


@lab_operation
def install(packages: Mapping[int, tuple[str, ...]]) -> Iterator[PyinfraCommand]:
    """Install missing packages; update the package lists only if there are any.

    :param packages: names of the packages to have, by Debian release.
    :yields: the commands.
    """
    state = observe.fact(DebianPackages)
    if state.debian is None or state.debian not in packages:
        releases = " or ".join(map(str, packages))
        raise LabError(f"{host.name} is not Debian {releases}", next_step=f"install Debian {releases} on it")
    missing = sorted(set(packages[state.debian]) - state.installed)
    commands = [
        StringCommand(*APT, "update"),
        StringCommand(*APT, "install", "--no-install-recommends", *map(QuoteString, missing)),
    ]
    yield from observe.changing(commands if missing else [], otherwise="all packages are installed")
