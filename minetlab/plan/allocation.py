"""Plan every guest (host, name, UUID, MAC and IP address) and every container (host, name and port).

A machine keeps what the allocation file records for it. Everything else is derived from names by hashing, and
never from the order of the roster: see docs/decisions/who-has-what-is-recorded.md.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface
from typing import TypeVar
from uuid import UUID, uuid5

from minetlab.lab import ContainerHost, KvmHost, Lab, Placement, Student
from minetlab.plan.places import HostPlace, PlaceRequest, settle, shortage
from minetlab.plan.spread import capacity_shortage, hash_of, spread
from minetlab.util.errors import LabError
from minetlab.util.names import named, suggestion

NAMESPACE = UUID("6b1f0f4e-2f2c-4a6e-9a52-6d1f4f1d7c11")
# The prefix that QEMU and libvirt use, from the locally administered range.
MAC_PREFIX = (0x52, 0x54, 0x00)

AnyHost = TypeVar("AnyHost", KvmHost, ContainerHost)


@dataclass(frozen=True)
class Guest:
    """A planned guest.

    :param name: the name of its libvirt domain.
    :param hostname: the host name inside the guest: whose machine it is, and that it is one.
    :param student: the student who owns it.
    :param host: the name of its KVM host, as in the inventory.
    :param uuid: the UUID of its domain.
    :param mac: the MAC address, as six pairs of hexadecimal digits.
    :param address: the IPv4 address, with the prefix length of its network.
    :param to_run: whether the lab starts it (``guests_run`` of its host), or only defines it.
    """

    name: str
    hostname: str
    student: Student
    host: str
    uuid: UUID
    mac: str
    address: IPv4Interface
    to_run: bool = True

    @property
    def place(self) -> IPv4Address:
        """Its address, as the allocation file records it."""
        return self.address.ip


@dataclass(frozen=True)
class Container:
    """A planned container.

    :param name: the name of the container.
    :param student: the student who owns it.
    :param host: the name of its container host, as in the inventory.
    :param tp_image: the TP image that it runs, by its folder in ``tp/``.
    :param ssh_port: the port of its host on which it answers SSH.
    """

    name: str
    student: Student
    host: str
    tp_image: str
    ssh_port: int

    @property
    def place(self) -> int:
        """Its port, as the allocation file records it."""
        return self.ssh_port


@dataclass(frozen=True)
class Plan:
    """All guests and containers of a lab, sorted by their students' logins."""

    guests: tuple[Guest, ...]
    containers: tuple[Container, ...]

    @property
    def machines(self) -> tuple[Guest | Container, ...]:
        """All guests, then all containers."""
        return (*self.guests, *self.containers)

    def of_students(self, logins: Collection[str]) -> "Plan":
        """Return the plan with the machines of these students only."""
        return Plan(
            tuple(guest for guest in self.guests if guest.student.login in logins),
            tuple(container for container in self.containers if container.student.login in logins),
        )

    def guests_on(self, host: str) -> tuple[Guest, ...]:
        """Return the guests of the host with this name."""
        return tuple(guest for guest in self.guests if guest.host == host)

    def containers_on(self, host: str) -> tuple[Container, ...]:
        """Return the containers of the host with this name."""
        return tuple(container for container in self.containers if container.host == host)


def allocate(lab: Lab) -> Plan:
    """Plan a guest on a KVM host and, on a container host, a container of each TP image for every student.

    A lab without hosts of one kind has no machines of that kind.

    :param lab: the lab, with the places that its allocation file records.
    :return: the plan.
    :raises LabError: the allocation file gives two machines the same place. Or, with all such problems at
        once: students exceed the hosts' capacity, guests a subnet, or containers a range of ports or a
        network; or two machines would have the same name.
    """
    problems: list[LabError] = []
    plan = Plan(_guests(lab, problems), _containers(lab, problems))
    problems += _same_names(plan)
    if problems:
        next_steps = dict.fromkeys(problem.next_step for problem in problems)
        raise LabError("\n".join(problem.problem for problem in problems), next_step="; ".join(next_steps))
    return plan


def belongs_to_lab(placement: Placement, lab_name: str) -> bool:
    """Tell whether a placement is for a machine of this lab, as labs may share an allocation file."""
    return f"{placement.machine}-".startswith(f"{lab_name}-{placement.login}-")


def _guests(lab: Lab, problems: list[LabError]) -> tuple[Guest, ...]:
    recorded = _recorded_placements(lab, lab.kvm_hosts, IPv4Address)
    hosts = _hosts_of_students(lab, "kvm_hosts", lab.kvm_hosts, recorded, problems)
    wanted = {f"{lab.name}-{student.login}": (student, host) for student, host in hosts}
    requests = [
        PlaceRequest(
            name,
            host.name,
            _addresses(host),
            seed=student.login,
            barred=int(host.settings.guest_network.gateway),
        )
        for name, (student, host) in wanted.items()
    ]
    # An address is unique in the lab, and not only on its host, as a bridge may join the hosts. Its last two
    # octets alone have to be unique, as the MAC address is made of them.
    settled = settle(requests, lab.allocation, _places(recorded), unique=lambda _, address: address % 2**16)
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
        _guest(lab, student, host, name, IPv4Address(settled.places[name]))
        for name, (student, host) in wanted.items()
        if name in settled.places
    )


def _guest(lab: Lab, student: Student, host: KvmHost, name: str, address: IPv4Address) -> Guest:
    return Guest(
        name=name,
        hostname=f"{student.login}-vm",
        student=student,
        host=host.name,
        uuid=uuid5(NAMESPACE, name),
        mac=_mac(lab.name, address),
        address=IPv4Interface((address, host.settings.guest_network.subnet.prefixlen)),
        to_run=host.settings.guests_run,
    )


def _containers(lab: Lab, problems: list[LabError]) -> tuple[Container, ...]:
    recorded = _recorded_placements(lab, lab.container_hosts, int)
    hosts = _hosts_of_students(lab, "container_hosts", lab.container_hosts, recorded, problems)
    wanted: dict[str, tuple[Student, ContainerHost, str]] = {}
    for student, host in hosts:
        for tp_image in host.settings.tp_images:
            name = f"{lab.name}-{student.login}-{tp_image}"
            owner, *_ = wanted.setdefault(name, (student, host, tp_image))
            if owner != student:  # a student a-b, and TP images isa and b-isa
                problems.append(_name_clash(owner.login, student.login, name))
    settled = settle(
        [PlaceRequest(name, host.name, _ports(host), seed=name) for name, (_, host, _) in wanted.items()],
        lab.allocation,
        _places(recorded),
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


def _recorded_placements(
    lab: Lab, hosts: Sequence[KvmHost | ContainerHost], place_type: type
) -> Mapping[str, Placement]:
    """Return the recorded placement of each machine on these hosts; the newest where it was moved."""
    names = {host.name for host in hosts}
    return {
        placement.machine: placement
        for placement in lab.allocation.placements
        if placement.host in names and isinstance(placement.place, place_type)
    }


def _places(placements: Mapping[str, Placement]) -> dict[str, HostPlace]:
    return {machine: (placement.host, int(placement.place)) for machine, placement in placements.items()}


def _hosts_of_students(
    lab: Lab,
    group: str,
    hosts: Sequence[AnyHost],
    recorded: Mapping[str, Placement],
    problems: list[LabError],
) -> list[tuple[Student, AnyHost]]:
    """Pair each student with a host, as far as the hosts have room; a shortage is added to ``problems``."""
    if not hosts:
        return []
    students = {student.login: student for student in sorted(lab.students, key=lambda student: student.login)}
    capacities = {host.name: host.settings.capacity for host in hosts}
    recorded_hosts = {
        placement.login: placement.host
        for placement in recorded.values()
        if belongs_to_lab(placement, lab.name)
    }
    host_names = spread(students.keys(), capacities, recorded_hosts)
    problems += capacity_shortage(
        group,
        logins=students.keys(),
        capacities=capacities,
        recorded_hosts=recorded_hosts,
        served=host_names,
        allocation=lab.allocation.source,
    )
    by_name = {host.name: host for host in hosts}
    return [(students[login], by_name[host_names[login]]) for login in students if login in host_names]


def _addresses(host: KvmHost) -> range:
    """Return the addresses for guests, as numbers."""
    network = host.settings.guest_network
    return range(int(network.subnet[network.reserved + 1]), int(network.subnet.broadcast_address))


def _ports(host: ContainerHost) -> range:
    return range(host.settings.ssh_ports.first, host.settings.ssh_ports.last + 1)


def _full_networks(lab: Lab, container_counts: Mapping[str, int]) -> Iterator[LabError]:
    # The lab has one network on each container host, and dockerd cuts it from the first of its pools.
    for host in lab.container_hosts:
        for pool in host.settings.docker_address_pools[:1]:
            # Not for containers: the network address, the broadcast address, the gateway, and the TP site.
            room = 2 ** (32 - pool.size) - 4
            if container_counts[host.name] > room:
                yield LabError(
                    f"{host.name} would have {container_counts[host.name]} containers, and the lab's network "
                    f"there has {room} addresses for them (/{pool.size})",
                    next_step="lower the size of docker_address_pools, or set capacity, in "
                    "inventories/group_data/container_hosts.py",
                )


def _same_names(plan: Plan) -> Iterator[LabError]:
    # A student a-isa has a guest of the same name as the container isa of a student a.
    owners: dict[str, str] = {}
    for machine in plan.machines:
        owner = owners.setdefault(machine.name, machine.student.login)
        if owner != machine.student.login:
            yield _name_clash(owner, machine.student.login, machine.name)


def _name_clash(login: str, other: str, machine: str) -> LabError:
    return LabError(
        f"{login} and {other} would both have a machine called {machine}",
        next_step="give one of them another login",
    )


def _mac(lab: str, address: IPv4Address) -> str:
    # The hash of the lab's name keeps two labs on one bridge apart.
    octets = (*MAC_PREFIX, hash_of(lab) % 256, *address.packed[2:])
    return ":".join(f"{octet:02x}" for octet in octets)


def plan_of_students(lab: Lab, plan: Plan, logins: Collection[str]) -> Plan:
    """Select the machines of some students, and check that those are in the roster.

    :param lab: the lab with its roster.
    :param plan: the plan of the whole lab.
    :param logins: the logins of the students.
    :return: the plan with their machines only.
    :raises LabError: no login is given, or one is not in the roster.
    """
    roster = sorted(student.login for student in lab.students)
    unknown = set(logins) - set(roster)
    if unknown or not logins:
        raise LabError(
            f"not in the roster: {named(sorted(unknown))}" if unknown else "no student is named",
            next_step=suggestion(unknown, roster),
        )
    return plan.of_students(logins)
