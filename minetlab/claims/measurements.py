"""What the same work costs natively, virtualized and emulated; and what a machine costs."""

from statistics import median, quantiles
from typing import Literal, get_args

from minetlab.lab.base import Frozen

Workload = Literal["processeur", "noyau", "memoire"]
"""What ``tp/emulation/home/calcul.c`` measures: computing, system calls, and pages of memory."""
LOADS: tuple[Workload, ...] = get_args(Workload)
Environment = Literal["native", "container", "guest", "emulated program", "emulated PC", "emulated ARM64"]
EMULATED: tuple[Environment, ...] = ("emulated program", "emulated PC", "emulated ARM64")


class Sample(Frozen):
    """One measurement.

    :param turn: all environments take turns, so that what disturbs one round disturbs all of it.
    :param microseconds: for a unit of the load.
    """

    environment: Environment
    load: Workload
    turn: int
    microseconds: float


class Quartiles(Frozen):
    """The median of some figures, and the quartiles below and above it."""

    low: float
    median: float
    high: float


class Series(Frozen):
    """What was measured on a host and the machines on it.

    :param emulated_guest: whether the guest is emulated as well, for want of hardware virtualization.
    :param boots: environment to the seconds from its start to its readiness.
    """

    host: str
    emulated_guest: bool = False
    boots: dict[Environment, float]
    samples: tuple[Sample, ...]

    @property
    def environments(self) -> tuple[Environment, ...]:
        """Where it was measured, in order; natively is one of them."""
        return tuple(dict.fromkeys(sample.environment for sample in self.samples))

    def time(self, environment: Environment, load: Workload) -> Quartiles:
        """Microseconds for a unit of the load."""
        return _spread(list(self._turns(environment, load).values()))

    def ratio(self, environment: Environment, load: Workload) -> Quartiles:
        """How many times as long as natively it takes; turn by turn."""
        native, here = self._turns("native", load), self._turns(environment, load)
        return _spread([here[turn] / native[turn] for turn in here])

    def _turns(self, environment: Environment, load: Workload) -> dict[int, float]:
        return {
            sample.turn: sample.microseconds
            for sample in self.samples
            if (sample.environment, sample.load) == (environment, load)
        }


class Cost(Frozen):
    """What one machine takes.

    :param seconds: a guest: from the start of its kernel until its boot is finished; a container: from the
        order to run it to its end, without any work.
    :param memory: of its host, in bytes.
    :param disk: of its host, in bytes, for itself alone.
    :param shared: of the disk, in bytes, for the image that all of its kind share.
    """

    machine: str
    kind: Literal["guest", "container"]
    seconds: float
    memory: int
    disk: int
    shared: int


class Costs(Frozen):
    """A student's guest and one of their containers, side by side."""

    guest: Cost
    container: Cost


def _spread(figures: list[float]) -> Quartiles:
    if len(figures) == 1:
        return Quartiles(low=figures[0], median=figures[0], high=figures[0])
    low, _, high = quantiles(figures, n=4, method="inclusive")
    return Quartiles(low=low, median=median(figures), high=high)
