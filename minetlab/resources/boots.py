"""How many guests of a host boot at the same time, and which start next. No I/O.

Measurements and reasons: docs/decisions/guests-start-as-others-answer.md.
"""

from collections.abc import Collection, Mapping

from minetlab.resources.kvm import KvmObserved

GUESTS_PER_PROCESSOR = 2
"""Guests that boot at once for each idle processor with hardware virtualization: they also wait for disks."""

GUEST_BOOT_LIMIT, EMULATED_GUEST_BOOT_LIMIT = 300, 900
"""Seconds that booting guests may take to answer SSH, without and with emulation."""
PLACE_SHARE = 1 / 3
"""Share of that time after which a guest that does not answer no longer holds up the others."""


def boot_limit(kvm: KvmObserved) -> int:
    """Return how many seconds guests of a host may take to answer SSH."""
    return GUEST_BOOT_LIMIT if kvm.works and not kvm.emulated else EMULATED_GUEST_BOOT_LIMIT


def boots_at_once(kvm: KvmObserved, idle: float) -> int:
    """Return how many guests can boot at once on a host that is not emulated, beside its other work.

    :param kvm: the host's hardware virtualization.
    :param idle: number of the host's processors that have nothing to do.
    :return: number of guests, at least one.

    >>> boots_at_once(KvmObserved(loaded=True, device=True), 4.8), boots_at_once(KvmObserved(), 1.9)
    (10, 2)
    >>> boots_at_once(KvmObserved(loaded=True, device=True), 0.1), boots_at_once(KvmObserved(), 0.1)
    (1, 1)
    """
    return max(round(idle) * (GUESTS_PER_PROCESSOR if kvm.works else 1), 1)


class Boots:
    """The guests to start on a host, of which only some boot at the same time.

    Each booting guest holds a place. It gives its place to the next guest when it answers, ends, or takes
    longer than a third of the limit. Those in ``waiting`` have not been started.

    :param addresses: address by name of the guests, in the order in which they start.
    :param at_once: number of places.
    :param limit: seconds that a guest may take to answer.
    """

    def __init__(self, addresses: Mapping[str, str], at_once: int, limit: int) -> None:
        self.waiting = list(addresses)
        self.addresses = addresses
        self.at_once = at_once
        self.limit = limit
        self._longest_hold = limit * PLACE_SHARE
        self._started_at: dict[str, float] = {}

    @property
    def booting(self) -> dict[str, str]:
        """The addresses of guests that hold a place, by name."""
        return {name: self.addresses[name] for name in self._started_at}

    def __str__(self) -> str:
        """Return the progress, for people to read."""
        number = len(self.addresses)
        return f"{number - len(self.waiting)} of {number} are started, {self.at_once} boot at once"

    def due(self, clock: float) -> tuple[str, ...]:
        """Give free places to the next guests, and return their names: the caller starts them now.

        :param clock: present reading, in seconds, of a clock that only goes forward.
        :return: names of the guests to start.
        """
        self.done([name for name, at in self._started_at.items() if clock - at > self._longest_hold])
        free_places = max(self.at_once - len(self._started_at), 0)
        starting, self.waiting = self.waiting[:free_places], self.waiting[free_places:]
        self._started_at.update(dict.fromkeys(starting, clock))
        return tuple(starting)

    def done(self, names: Collection[str]) -> None:
        """Free the places of guests that answer, or no longer run."""
        self._started_at = {
            name: started_at for name, started_at in self._started_at.items() if name not in names
        }
