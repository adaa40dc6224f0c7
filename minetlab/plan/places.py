"""Give each machine one of its host's places: an address to a guest, a port to a container."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from minetlab.lab import Allocation
from minetlab.lab.allocation import collision
from minetlab.plan.spread import hash_of
from minetlab.util.errors import LabError

HostPlace = tuple[str, int]
"""The name of a host, and an address (as a number) or a port there."""


@dataclass(frozen=True)
class PlaceRequest:
    """A machine that needs a place.

    :param machine: the name of the machine.
    :param host: the name of its host.
    :param places: the places of the host.
    :param seed: the text from which the place is derived if none is recorded.
    :param barred: a number in ``places`` that no machine may have, such as the gateway's.
    """

    machine: str
    host: str
    places: range
    seed: str
    barred: int | None = None

    def allows(self, place: int) -> bool:
        """Tell whether the machine may have this place."""
        return place in self.places and place != self.barred

    def candidates(self, recorded: int | None) -> Iterator[int]:
        """Yield all places that the machine may have, in the order of preference.

        :param recorded: the place that it has on another host, or None; it comes first.
        :yields: the places; after ``recorded``, they follow each other from one that the seed decides.
        """
        if recorded is not None and self.allows(recorded):
            yield recorded
        first = hash_of(self.seed)
        size = len(self.places)
        yield from filter(self.allows, (self.places[(first + step) % size] for step in range(size)))


@dataclass(frozen=True)
class AssignedPlaces:
    """Which machine got which place.

    :param places: the place of each machine, by its name.
    :param short: how many machines got no place, by host.
    :param held: how many places are recorded for machines that nobody requests, by host.
    """

    places: Mapping[str, int]
    short: Counter[str]
    held: Counter[str]


def settle(
    requests: Sequence[PlaceRequest],
    allocation: Allocation,
    recorded: Mapping[str, HostPlace],
    unique: Callable[[str, int], Hashable],
) -> AssignedPlaces:
    """Give every machine a place of its own.

    Recorded places are kept, also those of machines that nobody requests, as these may still exist.

    :param requests: the machines that need a place, in the order in which they choose.
    :param allocation: the allocation file, named in the error.
    :param recorded: the place of each machine in the allocation file, by the machine's name.
    :param unique: computes, from host and place, the value that no two machines may share.
    :return: the places, and how many are lacking and held on each host.
    :raises LabError: the allocation file gives two machines the same place.
    """
    request_of = {request.machine: request for request in requests}
    kept: dict[str, HostPlace] = {}
    held: dict[str, HostPlace] = {}
    for machine, (host, place) in recorded.items():
        request = request_of.get(machine)
        if request is None:
            held[machine] = host, place
        elif request.host == host and request.allows(place):
            kept[machine] = host, place
    taken = _taken({**held, **kept}, allocation, unique)
    places = {machine: place for machine, (_, place) in kept.items()}
    short: Counter[str] = Counter()
    for request in (request for request in requests if request.machine not in kept):
        _, recorded_place = recorded.get(request.machine, (None, None))
        candidates = request.candidates(recorded_place)
        new_place = next((place for place in candidates if unique(request.host, place) not in taken), None)
        if new_place is None:
            short[request.host] += 1
        else:
            places[request.machine] = new_place
            taken.add(unique(request.host, new_place))
    return AssignedPlaces(places, short, Counter(host for host, _ in held.values()))


def shortage(
    settled: AssignedPlaces, host: str, places: str, setting: str, allocation: Allocation
) -> Iterator[LabError]:
    """Report a host that has fewer places than machines.

    :param settled: the places that were given.
    :param host: the name of the host.
    :param places: the number and kind of the host's places, in words.
    :param setting: the setting that decides how many there are, and its file.
    :param allocation: the allocation file, named in the error.
    :yields: one error if there are too few places, else nothing.
    """
    if not settled.short[host]:
        return
    problem = f"{host}: all {places} are taken: {settled.short[host]} too few"
    next_step = f"widen {setting}"
    if held := settled.held[host]:
        problem += f"; {held} are held by machines that the roster does not ask for"
        next_step += f", or remove those machines, and their lines in {allocation.source}"
    yield LabError(problem, next_step=next_step)


def _taken(
    places: Mapping[str, HostPlace], allocation: Allocation, unique: Callable[[str, int], Hashable]
) -> set[Hashable]:
    owners: dict[Hashable, str] = {}
    for machine, (host, place) in sorted(places.items()):
        owner = owners.setdefault(unique(host, place), machine)
        if owner != machine:
            raise collision(allocation, owner, machine)
    return set(owners)
