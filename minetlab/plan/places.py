"""One place for each machine, out of those of its host: addresses for guests, ports for containers."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from minetlab.lab import Allocation
from minetlab.lab.allocation import collision
from minetlab.plan.spread import hash_of
from minetlab.util.errors import LabError

HostPlace = tuple[str, int]
"""A host, and an address or a port there."""


@dataclass(frozen=True)
class Wish:
    """A machine that needs a place.

    :param places: those of its host, but ``barred``.
    :param seed: what the place is derived from where none is recorded.
    """

    machine: str
    host: str
    places: range
    seed: str
    barred: int | None = None

    def allows(self, place: int) -> bool:
        """Whether the host has it."""
        return place in self.places and place != self.barred

    def candidates(self, had: int | None) -> Iterator[int]:
        """All places of the host: first the one it had elsewhere, then from where its seed points on."""
        if had is not None and self.allows(had):
            yield had
        first = hash_of(self.seed)
        size = len(self.places)
        yield from filter(self.allows, (self.places[(first + step) % size] for step in range(size)))


@dataclass(frozen=True)
class Settled:
    """Who got which place.

    :param places: by machine.
    :param short: how many machines of a host got none, by host.
    :param held: how many places are held for machines that nobody wishes for, by host.
    """

    places: Mapping[str, int]
    short: Counter[str]
    held: Counter[str]


def settle(
    wishes: Sequence[Wish],
    allocation: Allocation,
    recorded: Mapping[str, HostPlace],
    unique: Callable[[str, int], Hashable],
) -> Settled:
    """Give every machine a place that is its own.

    What is recorded is kept, also for machines that are not wished for: they may well stand.

    :param recorded: the place of each machine that the allocation file knows.
    :param unique: what of host and place may be given only once.
    :raises LabError: the allocation file gives the same to two.
    """
    wish_for = {wish.machine: wish for wish in wishes}
    kept: dict[str, HostPlace] = {}
    held: dict[str, HostPlace] = {}
    for machine, (host, place) in recorded.items():
        wish = wish_for.get(machine)
        if wish is None:
            held[machine] = host, place
        elif wish.host == host and wish.allows(place):
            kept[machine] = host, place
    taken = _once({**held, **kept}, allocation, unique)
    places = {machine: place for machine, (_, place) in kept.items()}
    short: Counter[str] = Counter()
    for wish in (wish for wish in wishes if wish.machine not in kept):
        _, had = recorded.get(wish.machine, (None, None))
        free = (place for place in wish.candidates(had) if unique(wish.host, place) not in taken)
        place_found = next(free, None)
        if place_found is None:
            short[wish.host] += 1
        else:
            places[wish.machine] = place_found
            taken.add(unique(wish.host, place_found))
    return Settled(places, short, Counter(host for host, _ in held.values()))


def shortage(
    settled: Settled, host: str, what: str, setting: str, allocation: Allocation
) -> Iterator[LabError]:
    """What to say where a host has fewer places than machines.

    :param what: the places, with their number.
    :param setting: what decides how many there are, and where it is set.
    """
    if not settled.short[host]:
        return
    problem = f"{host}: all {what} are taken: {settled.short[host]} too few"
    next_step = f"widen {setting}"
    if held := settled.held[host]:
        problem += f"; {held} are held by machines that the roster does not ask for"
        next_step += f", or remove those machines, and their lines in {allocation.source}"
    yield LabError(problem, next_step=next_step)


def _once(
    places: Mapping[str, HostPlace], allocation: Allocation, unique: Callable[[str, int], Hashable]
) -> set[Hashable]:
    """What is taken."""
    owners: dict[Hashable, str] = {}
    for machine, (host, place) in sorted(places.items()):
        owner = owners.setdefault(unique(host, place), machine)
        if owner != machine:
            raise collision(allocation, owner, machine)
    return set(owners)
