"""What stands where, for people to look at: hosts, the networks in them, the machines on those. No I/O."""

from dataclasses import dataclass
from typing import Literal

from minetlab.lab import BridgedNetwork, Lab
from minetlab.plan.allocation import Plan
from minetlab.resources.layout import Layout

Role = Literal["KVM", "Docker"]


@dataclass(frozen=True)
class PlacedMachine:
    """A guest or a container.

    :param student: their name.
    :param where: how it is told apart on its host: a guest's address, a container's port.
    :param tp_image: of a container; None: it is a guest.
    """

    name: str
    student: str
    where: str
    tp_image: str | None = None


@dataclass(frozen=True)
class PlacedNetwork:
    """A network in a host, and what is attached to it.

    :param bridge: the host's interface; None where Docker names it.
    :param subnet: in CIDR notation.
    """

    name: str
    role: Role
    bridge: str | None
    subnet: str
    machines: tuple[PlacedMachine, ...]


@dataclass(frozen=True)
class PlacedHost:
    """A host.

    :param name: the inventory's, without the connector.
    :param connector: pyinfra's, by which it is reached: ``sandbox`` or ``ssh``.
    :param networks: one a role.
    """

    name: str
    connector: str
    networks: tuple[PlacedNetwork, ...]

    @property
    def roles(self) -> tuple[Role, ...]:
        """What it is in the lab for."""
        return tuple(network.role for network in self.networks)

    @property
    def machines(self) -> tuple[PlacedMachine, ...]:
        """All guests and containers on it."""
        return tuple(machine for network in self.networks for machine in network.machines)


@dataclass(frozen=True)
class Topology:
    """A lab."""

    lab: str
    hosts: tuple[PlacedHost, ...]


def topology(lab: Lab, plan: Plan) -> Topology:
    """What stands where: hosts by name, on each its guests and containers by theirs."""
    networks: dict[str, tuple[PlacedNetwork, ...]] = {}
    for kvm in lab.kvm_hosts:
        networks[kvm.name] = (_of_guests(lab, plan, kvm.name),)
    for docker in lab.container_hosts:
        networks[docker.name] = (*networks.get(docker.name, ()), _of_containers(lab, plan, docker.name))
    hosts = (PlacedHost(*_reached(name), found) for name, found in networks.items())
    return Topology(lab.name, tuple(sorted(hosts, key=lambda host: host.name)))


def _of_guests(lab: Lab, plan: Plan, host: str) -> PlacedNetwork:
    network = lab.kvm_host(host).settings.guest_network
    bridge = network.bridge if isinstance(network, BridgedNetwork) else Layout(lab.name).bridge
    guests = tuple(
        PlacedMachine(guest.name, guest.student.name, str(guest.address.ip)) for guest in plan.guests_on(host)
    )
    return PlacedNetwork(lab.name, "KVM", bridge, str(network.subnet), guests)


def _of_containers(lab: Lab, plan: Plan, host: str) -> PlacedNetwork:
    # Docker cuts the network from one of its pools when it makes it.
    pools = ", ".join(str(pool.base) for pool in lab.container_host(host).settings.docker_address_pools)
    containers = tuple(
        PlacedMachine(each.name, each.student.name, f"port {each.ssh_port}", each.tp_image)
        for each in plan.containers_on(host)
    )
    return PlacedNetwork(lab.name, "Docker", None, pools, containers)


def _reached(name: str) -> tuple[str, str]:
    """A host's name without pyinfra's connector, and the connector."""
    if not name.startswith("@"):
        return name, "ssh"
    connector, _, rest = name[1:].partition("/")
    return rest or connector, connector
