"""What is timed: the rows of the comparison, and in which order. No I/O."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

LoadKind = Literal["guests", "containers", "class"]
"""What a host is given: guests that run, containers that run, or students with both, the guest off."""
Verb = Literal["create", "repeat", "remove"]
"""Give them to a host that has none; the same again, where nothing is to be done; take all of them."""

VERBS: tuple[Verb, ...] = ("create", "repeat", "remove")


@dataclass(frozen=True)
class HostLoad:
    """What a host is given.

    :param size: how many.
    """

    kind: LoadKind
    size: int

    def __str__(self) -> str:
        """How it is called in tables.

        >>> str(HostLoad("class", 30)), str(HostLoad("guests", 10))
        ('30 students', '10 guests')
        """
        return f"{self.size} {'students' if self.kind == 'class' else self.kind}"


@dataclass(frozen=True)
class RunPlan:
    """All that one run times.

    :param cycles: made, repeated and removed in every round.
    :param standing: made once for each contestant, and repeated in every round, as to make them takes long.
    :param rounds: of each load.
    :param seed: of the order in which contestants take their turns.
    """

    cycles: tuple[HostLoad, ...]
    standing: tuple[HostLoad, ...]
    rounds: int
    seed: int


FULL_CYCLES = (
    HostLoad("guests", 10),
    HostLoad("guests", 50),
    HostLoad("containers", 20),
    HostLoad("containers", 60),
)
FULL_STANDING = (HostLoad("class", 10), HostLoad("class", 30), HostLoad("class", 300))
QUICK_CYCLES = (HostLoad("guests", 2), HostLoad("containers", 2))
QUICK_STANDING = (HostLoad("class", 2),)


def plan(*, quick: bool, rounds: int | None, seed: int) -> RunPlan:
    """The plan of a run.

    :param quick: a small one, that shows that everything works.
    :param rounds: None: as many as such a run has.
    """
    if quick:
        return RunPlan(QUICK_CYCLES, QUICK_STANDING, rounds or 2, seed)
    return RunPlan(FULL_CYCLES, FULL_STANDING, rounds or 5, seed)


def turns(names: Sequence[str], rounds: int, seed: int, load: HostLoad) -> Iterator[tuple[int, str]]:
    """Whose turn it is, round by round: each has one a round, in another order each time.

    >>> turns_of = list(turns(["a", "b", "c"], 2, 1, HostLoad("guests", 10)))
    >>> [sorted(name for number, name in turns_of if number == each) for each in (1, 2)]
    [['a', 'b', 'c'], ['a', 'b', 'c']]
    >>> turns_of == list(turns(["a", "b", "c"], 2, 1, HostLoad("guests", 10)))
    True
    """
    order = random.Random(f"{seed} {load}")  # noqa: S311 (nobody is to be kept from guessing it)
    for number in range(1, rounds + 1):
        for name in order.sample(names, len(names)):
            yield number, name
