"""Choose a host for each student's machines."""

from collections.abc import Collection, Iterator, Mapping
from hashlib import sha256
from math import log

from minetlab.util.errors import LabError
from minetlab.util.names import named

Capacities = Mapping[str, int | None]
"""How many students each host has room for, by its name; None: any number."""


def hash_of(*parts: str) -> int:
    """Return a number of 64 bits that depends on nothing but the parts."""
    return int.from_bytes(sha256("/".join(parts).encode()).digest()[:8])


class _Rooms:
    """For how many more students each host has room."""

    def __init__(self, capacities: Capacities) -> None:
        self.free = dict(capacities)
        largest = max((capacity for capacity in capacities.values() if capacity is not None), default=1)
        self._weights = {
            host: largest if capacity is None else capacity for host, capacity in capacities.items()
        }

    def affinity(self, login: str, host: str) -> float:
        """Return how much a student prefers a host; it does not depend on other students.

        The value is -w/ln(u), with the host's weight w and with u uniform in (0, 1): Schindelhauer and
        Schomaker, "Weighted distributed hash tables", 2005.

        :param login: the login of the student.
        :param host: the name of the host.
        :return: a positive number; the student belongs on the host with the highest.
        """
        return -self._weights[host] / log(((hash_of(host, login) >> 12) + 0.5) / 2**52)

    def take(self, host: str) -> None:
        """Reduce the room of a host by one student."""
        room = self.free[host]
        self.free[host] = None if room is None else max(0, room - 1)

    def best(self, login: str) -> str | None:
        """Return the host with room that a student prefers, or None if no host has room."""
        hosts_with_room = (host for host, room in self.free.items() if room != 0)
        return max(hosts_with_room, key=lambda host: self.affinity(login, host), default=None)


def spread(
    logins: Collection[str], capacities: Capacities, recorded_hosts: Mapping[str, str]
) -> dict[str, str]:
    """Choose a host for each student.

    A student stays on the recorded host as long as it has room. Others are spread by weighted rendezvous
    hashing: in proportion to the capacities, or evenly where there are none. So the host of a student who is
    not recorded hardly depends on the other students, and not at all while no host is full.

    :param logins: the logins of the students in the roster.
    :param capacities: the hosts and their capacities.
    :param recorded_hosts: the host of each student in the allocation file, by login. Students who have left
        the roster still take room, as their machines may exist and they may come back.
    :return: the host of each student, by login, without students for whom there is no room.
    """
    rooms = _Rooms(capacities)
    hosts: dict[str, str] = {}
    recorded = sorted(login for login in logins if login in recorded_hosts)
    for login in sorted(
        recorded, key=lambda login: rooms.affinity(login, recorded_hosts[login]), reverse=True
    ):
        host = recorded_hosts[login]
        if rooms.free[host] != 0:
            hosts[login] = host
            rooms.take(host)
    for login in recorded_hosts.keys() - logins:
        rooms.take(recorded_hosts[login])
    for login in sorted(logins):
        if login not in hosts and (best_host := rooms.best(login)):
            hosts[login] = best_host
            rooms.take(best_host)
    return hosts


def capacity_shortage(
    group: str,
    *,
    logins: Collection[str],
    capacities: Capacities,
    recorded_hosts: Mapping[str, str],
    served: Collection[str],
    allocation: str,
) -> Iterator[LabError]:
    """Report that the hosts of a group have room for fewer students than there are.

    :param group: the inventory group of the hosts.
    :param logins: the logins of the students in the roster.
    :param capacities: the hosts and their capacities.
    :param recorded_hosts: the host of each student in the allocation file, by login.
    :param served: the logins of the students who got a host.
    :param allocation: the name of the allocation file.
    :yields: one error if a student got no host, else nothing.
    """
    if len(served) == len(logins):
        return
    hosts = named(f"{host} {capacity}" for host, capacity in sorted(capacities.items()))
    problem = (
        f"{group}: there is room for {sum(filter(None, capacities.values()))} students ({hosts}), "
        f"but there are {len(logins)}"
    )
    next_step = "raise capacity in inventories/group_data/, or name another host in the inventory"
    if former_students := sorted(recorded_hosts.keys() - logins):
        problem += f", and room is held for {named(former_students)}, who left the roster"
        next_step += f", or remove the machines of those who left, and their lines in {allocation}"
    yield LabError(f"{problem}: {len(logins) - len(served)} too many", next_step=next_step)
