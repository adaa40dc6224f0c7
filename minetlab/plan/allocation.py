"""Who gets what: host, name, UUID, MAC and IP address of every guest, host, name and port of every container.

A machine keeps what the lab's allocation file has given it. All else is derived from names by hashing, never
from the order of the roster: docs/decisions/who-has-what-is-recorded.md.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface
from typing import TypeVar
from uuid import UUID, uuid5

from minetlab.lab import ContainerHost, KvmHost, Lab, Placement, Student
from minetlab.plan.places import Wish, settle, shortage
from minetlab.plan.spread import hash_of, spread, without_room
from minetlab.util.errors import LabError
from minetlab.util.names import named, suggestion

NAMESPACE = UUID("6b1f0f4e-2f2c-4a6e-9a52-6d1f4f1d7c11")
# QEMU's and libvirt's own prefix, from the locally administered range.
MAC_PREFIX = (0x52, 0x54, 0x00)

AnyHost = TypeVar("AnyHost", KvmHost, ContainerHost)


@dataclass(frozen=True)
class Guest:
    """One libvirt domain of the lab.

    :param name: domain name; ``hostname`` is what the guest calls itself.
    :param address: IPv4 address with the prefix length of its network.
    :param to_run: whether the lab starts it, as ``guests_run`` of its host says; else it is only defined.
    """

    name: str
    hostname: str
    student: Student
    host: str
    uuid: UUID
    mac: str
    address: IPv4Interface
    to_run: bool = True


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

    @property
    def machines(self) -> tuple[Guest | Container, ...]:
        """All guests, then all containers."""
        return (*self.guests, *self.containers)

    def of(self, logins: Collection[str]) -> "Plan":
        """What these students have of it."""
        return Plan(
            tuple(guest for guest in self.guests if guest.student.login in logins),
            tuple(container for container in self.containers if container.student.login in logins),
        )

    def guests_on(self, host: str) -> tuple[Guest, ...]:
        """The guests of one host, by name."""
        return tuple(guest for guest in self.guests if guest.host == host)

    def containers_on(self, host: str) -> tuple[Container, ...]:
        """The containers of one host, by name."""
        return tuple(container for container in self.containers if container.host == host)


def allocate(lab: Lab) -> Plan:
    """Give every student a guest on a KVM host and one container a TP image on a container host.

    :raises LabError: with all that does not fit: students in the hosts' capacity, guests in a subnet,
        containers in a range of ports or a network. Or two machines would have one name, or have one place in
        the allocation file.
    """
    problems: list[LabError] = []
    plan = Plan(_guests(lab, problems), _containers(lab, problems))
    problems += _same_names(plan)
    if problems:
        steps = dict.fromkeys(each.next_step for each in problems)
        raise LabError("\n".join(each.problem for each in problems), next_step="; ".join(steps))
    return plan


def is_of(lab: str, placement: Placement) -> bool:
    """Whether it is one of the lab's machines; several labs may share an allocation file."""
    return f"{placement.machine}-".startswith(f"{lab}-{placement.login}-")


def _guests(lab: Lab, problems: list[LabError]) -> tuple[Guest, ...]:
    given = _given(lab, lab.kvm_hosts, IPv4Address)
    hosts = _hosts(lab, "kvm_hosts", lab.kvm_hosts, given, problems)
    names = {student.login: f"{lab.name}-{student.login}" for student, _ in hosts}
    # Unique in the lab, not only on its host, as a bridge may join the hosts; and by its last two octets, as
    # the MAC is made of them.
    settled = settle(
        [
            Wish(
                names[student.login],
                host.name,
                _addresses(host),
                seed=student.login,
                barred=int(host.settings.guest_network.gateway),
            )
            for student, host in hosts
        ],
        lab.allocation,
        {each.machine: (each.host, int(each.place)) for each in given.values()},
        unique=lambda _, address: address % 2**16,
    )
    for host in lab.kvm_hosts:
        subnet = host.settings.guest_network.subnet
        problems += shortage(
            settled,
            host.name,
            f"{len(_addresses(host))} guest addresses of guest_network.subnet {subnet}",
            "guest_network.subnet in inventories/group_data/kvm_hosts.py",
            lab.allocation,
        )
    return tuple(
        _guest(lab, student, host, names[student.login], IPv4Address(settled.places[names[student.login]]))
        for student, host in hosts
        if names[student.login] in settled.places
    )


def _guest(lab: Lab, student: Student, host: KvmHost, name: str, address: IPv4Address) -> Guest:
    return Guest(
        name=name,
        hostname=student.login,
        student=student,
        host=host.name,
        uuid=uuid5(NAMESPACE, name),
        mac=_mac(lab.name, address),
        address=IPv4Interface((address, host.settings.guest_network.subnet.prefixlen)),
        to_run=host.settings.guests_run,
    )


def _containers(lab: Lab, problems: list[LabError]) -> tuple[Container, ...]:
    given = _given(lab, lab.container_hosts, int)
    hosts = _hosts(lab, "container_hosts", lab.container_hosts, given, problems)
    wanted = {
        f"{lab.name}-{student.login}-{tp_image}": (student, host, tp_image)
        for student, host in hosts
        for tp_image in host.settings.tp_images
    }
    settled = settle(
        [Wish(name, host.name, _ports(host), seed=name) for name, (_, host, _) in wanted.items()],
        lab.allocation,
        {each.machine: (each.host, int(each.place)) for each in given.values()},
        unique=lambda host, port: (host, port),
    )
    for host in lab.container_hosts:
        problems += shortage(
            settled,
            host.name,
            f"{len(_ports(host))} ports of ssh_ports",
            "ssh_ports in inventories/group_data/container_hosts.py",
            lab.allocation,
        )
    problems += _full_networks(lab, Counter(host.name for _, host, _ in wanted.values()))
    return tuple(
        Container(name, student, host.name, tp_image, settled.places[name])
        for name, (student, host, tp_image) in wanted.items()
        if name in settled.places
    )


def _given(lab: Lab, hosts: Sequence[KvmHost | ContainerHost], kind: type) -> Mapping[str, Placement]:
    """What machines on these hosts have, by name; where one was moved between them, the newest."""
    names = {host.name for host in hosts}
    return {
        each.machine: each
        for each in lab.allocation.placements
        if each.host in names and isinstance(each.place, kind)
    }


def _hosts(
    lab: Lab, group: str, hosts: Sequence[AnyHost], given: Mapping[str, Placement], problems: list[LabError]
) -> list[tuple[Student, AnyHost]]:
    """The host of each student that there is room for."""
    if not hosts:
        return []
    students = {student.login: student for student in sorted(lab.students, key=lambda each: each.login)}
    capacities = {host.name: host.settings.capacity for host in hosts}
    there = {each.login: each.host for each in given.values() if is_of(lab.name, each)}
    chosen = spread(students.keys(), capacities, there)
    problems += without_room(
        group,
        logins=students.keys(),
        capacities=capacities,
        there=there,
        chosen=chosen,
        allocation=lab.allocation.source,
    )
    by_name = {host.name: host for host in hosts}
    return [(student, by_name[chosen[login]]) for login, student in students.items() if login in chosen]


def _addresses(host: KvmHost) -> range:
    """Those for guests, as numbers."""
    network = host.settings.guest_network
    return range(int(network.subnet[network.reserved + 1]), int(network.subnet.broadcast_address))


def _ports(host: ContainerHost) -> range:
    return range(host.settings.ssh_ports.first, host.settings.ssh_ports.last + 1)


def _full_networks(lab: Lab, containers: Mapping[str, int]) -> Iterator[LabError]:
    """The lab has one network on each container host, which dockerd cuts from the first of its pools.

    :param containers: how many each host has, by its name.
    """
    first = ((host, pool) for host in lab.container_hosts for pool in host.settings.docker_address_pools[:1])
    for host, pool in first:
        # Without its own address, its broadcast address, its gateway's and the TP site's.
        room = 2 ** (32 - pool.size) - 4
        if containers[host.name] > room:
            yield LabError(
                f"{host.name} would have {containers[host.name]} containers, and the lab's network there has "
                f"{room} addresses for them (/{pool.size})",
                next_step="lower the size of docker_address_pools, or set capacity, in "
                "inventories/group_data/container_hosts.py",
            )


def _same_names(plan: Plan) -> Iterator[LabError]:
    """The guest of a student ``a-isa`` would be called as the container ``isa`` of a student ``a``."""
    owners: dict[str, str] = {}
    for machine in plan.machines:
        owner = owners.setdefault(machine.name, machine.student.login)
        if owner != machine.student.login:
            yield LabError(
                f"{owner} and {machine.student.login} would both have a machine called {machine.name}",
                next_step="give one of them another login",
            )


def _mac(lab: str, address: IPv4Address) -> str:
    """The lab's hash keeps two labs on one bridge apart."""
    octets = (*MAC_PREFIX, hash_of(lab) % 256, *address.packed[2:])
    return ":".join(f"{octet:02x}" for octet in octets)


def of_students(lab: Lab, plan: Plan, logins: Collection[str]) -> Plan:
    """What these students have of a plan.

    :raises LabError: there is none, or one who is not in the roster.
    """
    known = sorted(student.login for student in lab.students)
    if not logins or not set(logins) <= set(known):
        unknown = named(sorted(set(logins) - set(known)))
        raise LabError(
            f"not in the roster: {unknown}" if unknown else "no student is named",
            next_step=suggestion(set(logins) - set(known), known),
        )
    return plan.of(logins)
