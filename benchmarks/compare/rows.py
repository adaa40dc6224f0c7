"""What the comparison times, and in which order. No I/O."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

LoadKind = Literal["guests", "containers", "class"]
"""What a host is loaded with: running guests, running containers, or students, whose guests are off."""
Verb = Literal["create", "repeat", "remove"]
"""Make all machines of a load on an empty host; do that again, with nothing left to do; remove them all."""

VERBS: tuple[Verb, ...] = ("create", "repeat", "remove")


@dataclass(frozen=True)
class HostLoad:
    """The load of a host.

    :param kind: what the host is loaded with.
    :param size: how many of them.
    """

    kind: LoadKind
    size: int

    def __str__(self) -> str:
        """Return the name of the load in tables.

        >>> str(HostLoad("class", 30)), str(HostLoad("guests", 10))
        ('30 students', '10 guests')
        """
        return f"{self.size} {'students' if self.kind == 'class' else self.kind}"


@dataclass(frozen=True)
class RunPlan:
    """What one run times.

    :param cycles: the loads that are made, repeated and removed in every round.
    :param standing: the loads that take long to make: each contestant makes them once, and repeats in every
        round.
    :param rounds: the number of rounds of each load.
    :param seed: the seed of the order in which contestants take their turns.
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
    """Return the plan of a run.

    :param quick: plan small loads, only to see whether everything works.
    :param rounds: the number of rounds; None: as many as such a run has by default.
    :param seed: the seed of the order in which contestants take their turns.
    :return: the plan.
    """
    if quick:
        return RunPlan(QUICK_CYCLES, QUICK_STANDING, rounds or 2, seed)
    return RunPlan(FULL_CYCLES, FULL_STANDING, rounds or 5, seed)


def turns(names: Sequence[str], rounds: int, seed: int, load: HostLoad) -> Iterator[tuple[int, str]]:
    """Yield whose turn it is: in every round each contestant has one, in a new order.

    >>> turns_of = list(turns(["a", "b", "c"], 2, 1, HostLoad("guests", 10)))
    >>> [sorted(name for number, name in turns_of if number == round_number) for round_number in (1, 2)]
    [['a', 'b', 'c'], ['a', 'b', 'c']]
    >>> turns_of == list(turns(["a", "b", "c"], 2, 1, HostLoad("guests", 10)))
    True

    :param names: the names of the contestants.
    :param rounds: the number of rounds.
    :param seed: the seed of the order, together with the load.
    :param load: the load.
    :yields: the number of the round, from 1, and the name of the contestant.
    """
    order = random.Random(f"{seed} {load}")  # noqa: S311 (nobody is to be kept from guessing it)
    for number in range(1, rounds + 1):
        for name in order.sample(names, len(names)):
            yield number, name
