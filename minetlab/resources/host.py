"""What a host is and has before anything of the lab is made there: the types, and the parser. No I/O."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Network

from minetlab.resources.docker import DockerObserved
from minetlab.resources.dockerd import DaemonState
from minetlab.resources.kvm import KvmObserved
from minetlab.resources.libvirt import LibvirtObserved
from minetlab.resources.lock import Holder


@dataclass(frozen=True)
class Route:
    """A network that the host has a way to already.

    :param device: the interface that leads there; empty where the host refuses it on purpose.
    :param far: whether it is behind a router, and not the host's own network.
    """

    network: IPv4Network
    device: str = ""
    far: bool = False


@dataclass(frozen=True)
class System:
    """The host itself.

    :param root: whether commands run as root there.
    :param time: its clock, in seconds since 1970 (UTC).
    :param debian: its release; None: it is no Debian.
    :param memory: MiB that new processes can have.
    :param processors: as its kernel counts them.
    :param disk: MiB free where libvirt's volumes are; ``docker_disk``: where Docker keeps its own.
    :param routes: all but the default one.
    :param bridges: its bridges.
    :param ports: TCP ports that somebody listens on.
    """

    root: bool = True
    time: float = 0.0
    debian: int | None = None
    memory: int = 0
    processors: int = 1
    disk: int = 0
    docker_disk: int = 0
    routes: tuple[Route, ...] = ()
    bridges: frozenset[str] = frozenset()
    ports: frozenset[int] = frozenset()


@dataclass(frozen=True)
class HostObserved:
    """Everything that the preflight compares with the lab and its plan.

    :param lock: who deploys to the host at this moment.
    """

    system: System
    kvm: KvmObserved = field(default_factory=KvmObserved)
    libvirt: LibvirtObserved = field(default_factory=LibvirtObserved)
    docker: DockerObserved = field(default_factory=DockerObserved)
    daemon: DaemonState = field(default_factory=DaemonState)
    lock: Holder | None = None


def parse_system(output: Iterable[str]) -> System:
    """Read what :class:`minetlab.facts.host.HostState` prints of the host itself: ``key value`` a line.

    :raises ValueError: they are not what that prints.
    """
    values: dict[str, list[str]] = {}
    for line in output:
        key, _, value = line.partition(" ")
        values.setdefault(key, []).append(value.strip())

    def number(key: str) -> int:
        return int(values[key][0])

    try:
        name, _, release = values["release"][0].partition(" ")
        return System(
            root=number("user") == 0,
            time=float(values["time"][0]),
            debian=int(release) if name == "debian" and release.isdigit() else None,
            memory=number("memory"),
            processors=number("processors"),
            disk=number("disk"),
            docker_disk=number("docker-disk"),
            routes=_routes(values.get("routes", ["[]"])[0]),
            bridges=frozenset(values.get("bridge", [])),
            ports=frozenset(int(each.rpartition(":")[2]) for each in values.get("listens", [])),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"the host did not say all that it was asked: {error!r}") from error


def _routes(said: str) -> tuple[Route, ...]:
    return tuple(
        Route(IPv4Network(each["dst"]), each.get("dev", ""), far="gateway" in each)
        for each in json.loads(said or "[]")
        if each["dst"] != "default"
    )
