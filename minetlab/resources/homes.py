"""The file systems that a host has for students' containers: home folders, and pseudo-terminals. No I/O."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from minetlab.lab import ContainerHostSettings
from minetlab.plan.allocation import Container
from minetlab.resources.docker import container_user, homes_folder
from minetlab.resources.units import UNITS

MOST_TERMINALS = 64
"""How many pseudo-terminals a container may have, of some 3000 for all containers of a host: pty(7)."""
DEVPTS = f"newinstance,max={MOST_TERMINALS},gid=5,mode=620,ptmxmode=666,nosuid,noexec"
"""The options of mount(8) for them: as Docker has them, and the number."""


@dataclass(frozen=True)
class HomeSpec:
    """The file system of a container's home folder, as desired.

    :param container: the container's name.
    :param size: its size in bytes.
    :param user: numeric user and group that it belongs to.
    """

    container: str
    size: int
    user: int


@dataclass(frozen=True)
class HomesObserved:
    """The home folders that a host has of a lab.

    :param sizes: sizes of the files that hold the file systems, in bytes, by container.
    :param mounted: the containers whose file systems are mounted, both of them.
    :param unit: content of the unit that mounts them at boot.
    :param enabled: whether systemd starts that unit at boot.
    """

    sizes: Mapping[str, int] = field(default_factory=dict)
    mounted: frozenset[str] = frozenset()
    unit: str = ""
    enabled: bool = False


@dataclass(frozen=True)
class HomeChanges:
    """How the observed home folders differ from the desired ones.

    :param make: file systems that do not exist.
    :param mount: containers whose file system exists, but is not mounted, or their pseudo-terminals are not.
    :param grow: file systems that are smaller than desired.
    :param larger: containers whose file system is larger than desired; it stays, with what is in it.
    """

    make: tuple[HomeSpec, ...] = ()
    mount: tuple[str, ...] = ()
    grow: tuple[HomeSpec, ...] = ()
    larger: tuple[str, ...] = ()


def image(lab: str, container: str) -> str:
    """Return the path of the file that holds a container's file system."""
    return f"{mount_point(lab, container)}.img"


def mount_point(lab: str, container: str) -> str:
    """Return the path at which a container's file system is mounted."""
    return f"{homes_folder(lab)}/{container}"


def unit(lab: str) -> str:
    """Return the name of the unit that mounts the file systems at boot, before dockerd starts containers."""
    return f"minet-lab-{lab}-homes.service"


def unit_file(lab: str) -> str:
    """Return the path of that unit."""
    return f"{UNITS}/{unit(lab)}"


def home_specs(containers: Iterable[Container], settings: ContainerHostSettings) -> tuple[HomeSpec, ...]:
    """Return the desired home folders of a host's containers, in the same order."""
    size = settings.container.disk * 2**20
    return tuple(
        HomeSpec(container.name, size, container_user(container.ssh_port)) for container in containers
    )


def compare(desired: Iterable[HomeSpec], observed: HomesObserved) -> HomeChanges:
    """Compare desired and observed home folders."""
    specs = {spec.container: spec for spec in desired}
    present = {name: size for name, size in observed.sizes.items() if name in specs}
    return HomeChanges(
        make=tuple(spec for name, spec in specs.items() if name not in present),
        mount=tuple(name for name in specs if name in present and name not in observed.mounted),
        grow=tuple(specs[name] for name, size in present.items() if size < specs[name].size),
        larger=tuple(sorted(name for name, size in present.items() if size > specs[name].size)),
    )
