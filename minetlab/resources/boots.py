"""How many guests of a host boot at once, and whose turn it is to start. No I/O.

Measured, and why: docs/decisions/guests-start-as-others-answer.md.
"""

from collections.abc import Collection, Mapping

from minetlab.resources.kvm import KvmObserved

ON_KVM = 2
"""Guests that boot at once for each processor of a host with hardware virtualization: they wait for disks."""

LIMIT, LIMIT_EMULATED = 300, 900
"""Seconds that guests which boot at once may take to answer SSH, on the host's processors and emulated."""
PATIENCE = 1 / 3
"""Share of that time after which a guest that does not answer keeps no other from being started."""


def boot_limit(kvm: KvmObserved) -> int:
    """Seconds that guests of a host may take to answer SSH."""
    return LIMIT if kvm.works and not kvm.emulated else LIMIT_EMULATED


def boots_at_once(kvm: KvmObserved, idle: float) -> int:
    """How many guests a host that is not emulated can have boot at once, beside what else it does now.

    :param idle: processors that have nothing to do.

    >>> boots_at_once(KvmObserved(loaded=True, device=True), 4.8), boots_at_once(KvmObserved(), 1.9)
    (10, 2)
    >>> boots_at_once(KvmObserved(loaded=True, device=True), 0.1), boots_at_once(KvmObserved(), 0.1)
    (1, 1)
    """
    return max(round(idle) * (ON_KVM if kvm.works else 1), 1)


class Boots:
    """Guests that are started in turn: the next ones as those before them answer, end, or take too long.

    :param addresses: of the guests to start, by name, in this order.
    :param at_once: how many may boot at once.
    :param limit: seconds a guest may take; after a third of it, it no longer holds up the others.
    """

    def __init__(self, addresses: Mapping[str, str], at_once: int, limit: float) -> None:
        self._waiting = list(addresses)
        self.addresses = addresses
        self.at_once = at_once
        self._patience = limit * PATIENCE
        self._since: dict[str, float] = {}

    @property
    def waiting(self) -> int:
        """How many have not had their turn."""
        return len(self._waiting)

    @property
    def booting(self) -> dict[str, str]:
        """The addresses of those that hold a place, by name."""
        return {name: self.addresses[name] for name in self._since}

    def __str__(self) -> str:
        """How far it is."""
        number = len(self.addresses)
        return f"{number - self.waiting} of {number} are started, {self.at_once} boot at once"

    def due(self, now: float) -> tuple[str, ...]:
        """Whom to start now: they have had their turn, and hold a place from now on.

        :param now: seconds of a clock that only goes forward.
        """
        for name in [name for name, since in self._since.items() if now - since > self._patience]:
            del self._since[name]
        places = max(self.at_once - len(self._since), 0)
        turn, self._waiting = self._waiting[:places], self._waiting[places:]
        self._since.update(dict.fromkeys(turn, now))
        return tuple(turn)

    def done(self, names: Collection[str]) -> None:
        """Take their places from these: they answer, or run no more."""
        self._since = {name: since for name, since in self._since.items() if name not in names}
