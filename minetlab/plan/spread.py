"""Which host each student's machines are on."""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from math import log

from minetlab.errors import LabError

Capacities = Mapping[str, int | None]
"""By host: how many students it has room for; None: any number."""


def hash_of(*parts: str) -> int:
    """64 bits that depend on nothing but the parts."""
    return int.from_bytes(sha256("/".join(parts).encode()).digest()[:8])


def spread(logins: Iterable[str], capacities: Capacities, there: Mapping[str, str]) -> dict[str, str]:
    """The host of each student.

    A student stays where they are, as long as that host has room for them. Others are spread by weighted
    rendezvous hashing: in proportion to the capacities, and evenly where there are none. So the hosts of
    students who are not recorded yet hardly depend on each other, and not at all while no host is full.

    :param there: the host of those who have one already, by login.
    """
    left = dict(capacities)
    most = max((each for each in capacities.values() if each is not None), default=1)
    weights = {host: most if room is None else room for host, room in capacities.items()}

    def affinity(login: str, host: str) -> float:
        # -w/ln(u), u uniform in (0, 1): Schindelhauer, Schomaker, "Weighted distributed hash tables", 2005.
        return -weights[host] / log(((hash_of(host, login) >> 12) + 0.5) / 2**52)

    chosen: dict[str, str] = {}

    def seat(login: str, hosts: Iterable[str]) -> None:
        roomy = [host for host in hosts if left[host] != 0]
        if roomy:
            host = chosen[login] = max(roomy, key=lambda host: affinity(login, host))
            room = left[host]
            left[host] = None if room is None else room - 1

    logins = sorted(logins)
    stay = [login for login in logins if there.get(login) in capacities]
    for login in sorted(stay, key=lambda login: affinity(login, there[login]), reverse=True):
        seat(login, [there[login]])
    for login in logins:
        if login not in chosen:
            seat(login, capacities)
    return chosen


def without_room(group: str, students: int, capacities: Capacities) -> Iterator[LabError]:
    """What to say where a group's hosts have room for fewer students than there are."""
    rooms = [room for room in capacities.values() if room is not None]
    if len(rooms) < len(capacities) or sum(rooms) >= students:
        return
    hosts = ", ".join(f"{host} for {room}" for host, room in sorted(capacities.items()))
    yield LabError(
        f"{group}: {students - sum(rooms)} students too many: there are {students}, "
        f"and room for {sum(rooms)} ({hosts})",
        next_step=f"raise capacity in inventories/group_data/{group}.py, name another host in the inventory, "
        "or take students out of the roster",
    )
