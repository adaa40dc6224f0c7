"""Who gets what: host, name, UUID, MAC and IP address of every guest, host, name and port of every container.

Everything is derived from names by hashing, never from the order of the roster, so that a student keeps
what they have when others come or go.
"""

from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv4Address, IPv4Interface
from uuid import UUID, uuid5

from minetlab.errors import LabError
from minetlab.model import ContainerHost, KvmHost, Lab, Student

NAMESPACE = UUID("6b1f0f4e-2f2c-4a6e-9a52-6d1f4f1d7c11")
# QEMU's and libvirt's own prefix, from the locally administered range.
MAC_PREFIX = (0x52, 0x54, 0x00)


@dataclass(frozen=True)
class Guest:
    """One libvirt domain of the lab.

    :param name: domain name; ``hostname`` is what the guest calls itself.
    :param address: IPv4 address with the prefix length of its network.
    """

    name: str
    hostname: str
    student: Student
    host: str
    uuid: UUID
    mac: str
    address: IPv4Interface


@dataclass(frozen=True)
class Container:
    """One container of a student, from one TP image (named by its folder in ``tp/``).

    :param ssh_port: of its host, on which it answers SSH.
    """

    name: str
    student: Student
    host: str
    tp_image: str
    ssh_port: int


@dataclass(frozen=True)
class Plan:
    """Everything that has to stand, host by host."""

    guests: tuple[Guest, ...]
    containers: tuple[Container, ...]

    def guests_on(self, host: str) -> tuple[Guest, ...]:
        """The guests of one host, by name."""
        return tuple(guest for guest in self.guests if guest.host == host)

    def containers_on(self, host: str) -> tuple[Container, ...]:
        """The containers of one host, by name."""
        return tuple(container for container in self.containers if container.host == host)


def allocate(lab: Lab) -> Plan:
    """Give every student a guest on a KVM host and one container a TP image on a container host.

    :raises LabError: where a subnet has fewer addresses than guests, or a host fewer ports than containers.
    """
    students = sorted(lab.students, key=lambda student: student.login)
    guests = _guests(lab, students) if lab.kvm_hosts else ()
    containers = _containers(lab, students) if lab.container_hosts else ()
    return Plan(guests, containers)


def _guests(lab: Lab, students: list[Student]) -> tuple[Guest, ...]:
    taken: set[IPv4Address] = set()
    guests = []
    for student in students:
        host = max(lab.kvm_hosts, key=lambda host: _hash(host.name, student.login))
        address = _free_address(host, student.login, taken)
        taken.add(address.ip)
        name = f"{lab.name}-{student.login}"
        guests.append(
            Guest(
                name=name,
                hostname=student.login,
                student=student,
                host=host.name,
                uuid=uuid5(NAMESPACE, name),
                mac=_mac(lab.name, address.ip),
                address=address,
            )
        )
    return tuple(guests)


def _containers(lab: Lab, students: list[Student]) -> tuple[Container, ...]:
    taken: dict[str, set[int]] = {host.name: set() for host in lab.container_hosts}
    containers = []
    for student in students:
        host = max(lab.container_hosts, key=lambda host: _hash(host.name, student.login))
        for tp_image in host.settings.tp_images:
            name = f"{lab.name}-{student.login}-{tp_image}"
            port = _free_port(host, name, taken[host.name])
            taken[host.name].add(port)
            containers.append(Container(name, student, host.name, tp_image, port))
    return tuple(containers)


def _free_port(host: ContainerHost, name: str, taken: set[int]) -> int:
    """The port the container's name hashes to, or the next free one."""
    ports = range(host.settings.ssh_ports.first, host.settings.ssh_ports.last + 1)
    preferred = _hash(name)
    for step in range(len(ports)):
        port = ports[(preferred + step) % len(ports)]
        if port not in taken:
            return port
    raise LabError(
        f"{host.name}: all {len(ports)} ports of ssh_ports are taken by containers",
        next_step="widen ssh_ports in inventories/group_data/container_hosts.py",
    )


def _free_address(host: KvmHost, login: str, taken: set[IPv4Address]) -> IPv4Interface:
    """The address the login hashes to, or the next free one."""
    network = host.settings.guest_network
    first, last = network.reserved + 1, network.subnet.num_addresses - 2
    size = last - first + 1
    preferred = _hash(login)
    for step in range(size):
        address = network.subnet[first + (preferred + step) % size]
        if address not in taken and address != network.gateway:
            return IPv4Interface((address, network.subnet.prefixlen))
    raise LabError(
        f"{host.name}: all {size} guest addresses of guest_network.subnet {network.subnet} are taken",
        next_step="widen guest_network.subnet in inventories/group_data/kvm_hosts.py",
    )


def _mac(lab: str, address: IPv4Address) -> str:
    """Unique in the lab because the address is; the lab's hash keeps two labs on one bridge apart."""
    octets = (*MAC_PREFIX, _hash(lab) % 256, *address.packed[2:])
    return ":".join(f"{octet:02x}" for octet in octets)


def _hash(*parts: str) -> int:
    return int.from_bytes(sha256("/".join(parts).encode()).digest()[:8])
