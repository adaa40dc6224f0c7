"""Which host each student's machines are on."""

from collections.abc import Collection, Iterator, Mapping
from hashlib import sha256
from math import log

from minetlab.util.errors import LabError
from minetlab.util.names import named

Capacities = Mapping[str, int | None]
"""By host: how many students it has room for; None: any number."""


def hash_of(*parts: str) -> int:
    """64 bits that depend on nothing but the parts."""
    return int.from_bytes(sha256("/".join(parts).encode()).digest()[:8])


class _Rooms:
    """The hosts, and for how many more students each has room."""

    def __init__(self, capacities: Capacities) -> None:
        self.left = dict(capacities)
        most = max((room for room in capacities.values() if room is not None), default=1)
        self._weights = {host: most if room is None else room for host, room in capacities.items()}

    def affinity(self, login: str, host: str) -> float:
        """How much a student belongs to a host: the same whoever else there is.

        -w/ln(u), u uniform in (0, 1): Schindelhauer, Schomaker, "Weighted distributed hash tables", 2005.
        """
        return -self._weights[host] / log(((hash_of(host, login) >> 12) + 0.5) / 2**52)

    def take(self, host: str) -> None:
        """Have a host have room for one student less."""
        room = self.left[host]
        self.left[host] = None if room is None else max(0, room - 1)

    def best(self, login: str) -> str | None:
        """Of the hosts with room, the one to which a student belongs most; None: there is none."""
        roomy = (host for host, room in self.left.items() if room != 0)
        return max(roomy, key=lambda host: self.affinity(login, host), default=None)


def spread(logins: Collection[str], capacities: Capacities, there: Mapping[str, str]) -> dict[str, str]:
    """The host of each student.

    A student stays where they are, as long as that host has room for them. Others are spread by weighted
    rendezvous hashing: in proportion to the capacities, and evenly where there are none. So the hosts of
    students who are not recorded yet hardly depend on each other, and not at all while no host is full.

    :param there: the host of those who have one already, by login. Who has left the roster keeps the room as
        well: their machines may stand, and they may come back.
    :returns: login to host, without those for whom there is no room.
    """
    rooms = _Rooms(capacities)
    chosen: dict[str, str] = {}
    settled = sorted(login for login in logins if login in there)
    for login in sorted(settled, key=lambda login: rooms.affinity(login, there[login]), reverse=True):
        if rooms.left[there[login]] != 0:
            chosen[login] = there[login]
            rooms.take(there[login])
    for login in there.keys() - logins:
        rooms.take(there[login])
    for login in sorted(logins):
        if login not in chosen and (host := rooms.best(login)):
            chosen[login] = host
            rooms.take(host)
    return chosen


def without_room(
    group: str,
    *,
    logins: Collection[str],
    capacities: Capacities,
    there: Mapping[str, str],
    chosen: Collection[str],
    allocation: str,
) -> Iterator[LabError]:
    """What to say where a group's hosts have room for fewer students than there are.

    :param chosen: those who have a host.
    :param allocation: the allocation file.
    """
    if len(chosen) == len(logins):
        return
    hosts = named(f"{host} {room}" for host, room in sorted(capacities.items()))
    problem = (
        f"{group}: there is room for {sum(room or 0 for room in capacities.values())} students ({hosts}), "
        f"but there are {len(logins)}"
    )
    next_step = "raise capacity in inventories/group_data/, or name another host in the inventory"
    if gone := sorted(there.keys() - logins):
        problem += f", and room is held for {named(gone)}, who left the roster"
        next_step += f", or remove the machines of those who left, and their lines in {allocation}"
    yield LabError(f"{problem}: {len(logins) - len(chosen)} too many", next_step=next_step)
