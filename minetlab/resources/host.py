"""What a host is and has before the lab is deployed there: the types, and a parser. No I/O."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Network

from minetlab.resources.confinement import ConfinementObserved
from minetlab.resources.docker import DockerObserved
from minetlab.resources.dockerd import DaemonState
from minetlab.resources.kvm import KvmObserved
from minetlab.resources.libvirt import LibvirtObserved
from minetlab.resources.lock import Holder
from minetlab.resources.printed import values_by_key


@dataclass(frozen=True)
class Route:
    """A network to which the host has a route.

    :param network: its addresses.
    :param device: the interface that leads there; empty if the host refuses such packets on purpose.
    :param far: whether it is behind a router, so not one of the host's own networks.
    """

    network: IPv4Network
    device: str = ""
    far: bool = False


@dataclass(frozen=True)
class System:
    """The host itself.

    :param root: whether commands run as root there.
    :param time: its clock, in seconds since 1970 (UTC).
    :param debian: its Debian release; None if it is another system.
    :param memory: MiB that new processes can have.
    :param processors: number of processors, as its kernel counts them.
    :param disk: MiB free where libvirt's volumes are.
    :param docker_disk: MiB free where Docker keeps its data.
    :param controllers: controllers of its control groups, of version 2 only: cgroups(7).
    :param file_system: the type of the file system of /var/lib.
    :param on_disk: whether that file system is on a block device, whose use the kernel can limit.
    :param loop_devices: whether it can have any: loop(4).
    :param routes: all IPv4 routes but the default route.
    :param bridges: names of its bridges.
    :param ports: TCP ports on which a process listens.
    """

    root: bool = True
    time: float = 0.0
    debian: int | None = None
    memory: int = 0
    processors: int = 1
    disk: int = 0
    docker_disk: int = 0
    controllers: frozenset[str] = frozenset()
    file_system: str = ""
    on_disk: bool = False
    loop_devices: bool = False
    routes: tuple[Route, ...] = ()
    bridges: frozenset[str] = frozenset()
    ports: frozenset[int] = frozenset()


@dataclass(frozen=True)
class HostObserved:
    """Everything of a host that the preflight compares with the lab and its plan.

    :param system: the host itself.
    :param kvm: its hardware virtualization.
    :param confinement: its AppArmor.
    :param libvirt: what its libvirt has.
    :param docker: what its dockerd has.
    :param daemon: dockerd's configuration.
    :param lock: the run that deploys to the host now; None if there is none.
    """

    system: System
    kvm: KvmObserved = field(default_factory=KvmObserved)
    confinement: ConfinementObserved = field(default_factory=ConfinementObserved)
    libvirt: LibvirtObserved = field(default_factory=LibvirtObserved)
    docker: DockerObserved = field(default_factory=DockerObserved)
    daemon: DaemonState = field(default_factory=DaemonState)
    lock: Holder | None = None


def parse_system(output: Iterable[str]) -> System:
    """Parse what :class:`minetlab.facts.host.HostState` prints of the host itself.

    :param output: lines of the form ``key value``.
    :return: the host itself.
    :raises ValueError: a line is missing, or has an unexpected value.
    """
    values = values_by_key(output)

    def number(key: str) -> int:
        return int(values[key][0])

    try:
        cgroup, *controllers = values["cgroup"][0].split()
        file_system, device = values["file-system"][0].split()
        name, _, release = values["release"][0].partition(" ")
        return System(
            root=number("user") == 0,
            time=float(values["time"][0]),
            debian=int(release) if name == "debian" and release.isdigit() else None,
            memory=number("memory"),
            processors=number("processors"),
            disk=number("disk"),
            docker_disk=number("docker-disk"),
            controllers=frozenset(controllers if cgroup == "cgroup2fs" else ()),
            file_system=file_system,
            # Devices of no disk have the major number 0; Btrfs has it as well, but knows its disk.
            on_disk=not device.startswith("0:") or file_system == "btrfs",
            loop_devices=number("loop") == 0,
            routes=_routes(values.get("routes", ["[]"])[0]),
            bridges=frozenset(values.get("bridge", [])),
            ports=frozenset(int(address.rpartition(":")[2]) for address in values.get("listens", [])),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"the host's answer is incomplete: {error!r}") from error


def _routes(text: str) -> tuple[Route, ...]:
    return tuple(
        Route(IPv4Network(route["dst"]), route.get("dev", ""), far="gateway" in route)
        for route in json.loads(text or "[]")
        if route["dst"] != "default"
    )
