"""The topology of a lab: its hosts, the networks in them, and the machines on those networks. No I/O."""

from dataclasses import dataclass
from typing import Literal

from minetlab.lab import BridgedNetwork, Lab
from minetlab.plan.allocation import Plan
from minetlab.resources.layout import Layout

Role = Literal["KVM", "Docker"]


@dataclass(frozen=True)
class PlacedMachine:
    """A guest or a container in the topology.

    :param name: name of the machine.
    :param student: name of its student.
    :param where: how it is reached: the address of a guest, or the host's port that leads to a container.
    :param tp_image: TP image of a container; None: the machine is a guest.
    """

    name: str
    student: str
    where: str
    tp_image: str | None = None


@dataclass(frozen=True)
class PlacedNetwork:
    """A network in a host, and the machines that are attached to it.

    :param name: name of the network.
    :param role: whether its machines are guests (KVM) or containers (Docker).
    :param bridge: name of the bridge on the host; None: Docker chooses it.
    :param subnet: its subnet in CIDR notation; of Docker, the pools of which the subnet is a part.
    :param machines: the machines on it.
    """

    name: str
    role: Role
    bridge: str | None
    subnet: str
    machines: tuple[PlacedMachine, ...]


@dataclass(frozen=True)
class PlacedHost:
    """A host in the topology.

    :param name: its name in the inventory, without the connector.
    :param connector: the pyinfra connector by which it is reached: ``sandbox`` or ``ssh``.
    :param networks: a network for each of its roles.
    """

    name: str
    connector: str
    networks: tuple[PlacedNetwork, ...]

    @property
    def roles(self) -> tuple[Role, ...]:
        """Its roles: KVM host, container host, or both."""
        return tuple(network.role for network in self.networks)

    @property
    def machines(self) -> tuple[PlacedMachine, ...]:
        """All guests and containers on it."""
        return tuple(machine for network in self.networks for machine in network.machines)


@dataclass(frozen=True)
class Topology:
    """The topology of a lab.

    :param lab: name of the lab.
    :param hosts: the hosts, by name.
    """

    lab: str
    hosts: tuple[PlacedHost, ...]


def topology(lab: Lab, plan: Plan) -> Topology:
    """Return the topology of a lab: its hosts, and their networks with guests and containers."""
    networks: dict[str, list[PlacedNetwork]] = {}
    for kvm_host in lab.kvm_hosts:
        networks.setdefault(kvm_host.name, []).append(_guest_network(lab, plan, kvm_host.name))
    for container_host in lab.container_hosts:
        network = _container_network(lab, plan, container_host.name)
        networks.setdefault(container_host.name, []).append(network)
    hosts = (PlacedHost(*_name_and_connector(name), tuple(some)) for name, some in networks.items())
    return Topology(lab.name, tuple(sorted(hosts, key=lambda host: host.name)))


def _guest_network(lab: Lab, plan: Plan, host: str) -> PlacedNetwork:
    network = lab.kvm_host(host).settings.guest_network
    bridge = network.bridge if isinstance(network, BridgedNetwork) else Layout(lab.name).bridge
    guests = tuple(
        PlacedMachine(guest.name, guest.student.name, str(guest.address.ip)) for guest in plan.guests_on(host)
    )
    return PlacedNetwork(lab.name, "KVM", bridge, str(network.subnet), guests)


def _container_network(lab: Lab, plan: Plan, host: str) -> PlacedNetwork:
    # Docker chooses the subnet from one of these pools when it makes the network.
    pools = ", ".join(str(pool.base) for pool in lab.container_host(host).settings.docker_address_pools)
    containers = tuple(
        PlacedMachine(
            container.name, container.student.name, f"port {container.ssh_port}", container.tp_image
        )
        for container in plan.containers_on(host)
    )
    return PlacedNetwork(lab.name, "Docker", None, pools, containers)


def _name_and_connector(name: str) -> tuple[str, str]:
    """Split a host's name in the inventory, such as ``@sandbox/hv1``, into name and connector."""
    if not name.startswith("@"):
        return name, "ssh"
    connector, _, rest = name[1:].partition("/")
    return rest or connector, connector
