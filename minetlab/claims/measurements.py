"""What the same work costs natively, virtualized and emulated; and what a machine costs."""

from statistics import median, quantiles
from typing import Annotated, Literal, get_args

from pydantic import Field

from minetlab.lab.base import Frozen

Workload = Literal["processor", "kernel", "memory"]
"""What ``tp/emulation/home/calcul.c`` measures: computing, system calls, and pages of memory."""
LOADS: tuple[Workload, ...] = get_args(Workload)
Environment = Literal["native", "container", "guest", "emulated program", "emulated PC", "emulated ARM64"]
# Students' machines print some of these figures: they need not be true, but such that they can be plotted.
Time = Annotated[float, Field(ge=1e-6, lt=1e12)]
Bytes = Annotated[int, Field(ge=0, lt=2**60)]
EMULATED: tuple[Environment, ...] = ("emulated program", "emulated PC", "emulated ARM64")


class Sample(Frozen):
    """One measurement.

    :param environment: where the load was run.
    :param load: what was measured.
    :param turn: number of the round, from 0. In each round every environment is measured once, so that
        whatever disturbs the host disturbs all of them alike.
    :param microseconds: time for one unit of the load.
    """

    environment: Environment
    load: Workload
    turn: int
    microseconds: Time


class Quartiles(Frozen):
    """The median of some figures, and the quartiles below and above it.

    :param low: the first quartile.
    :param median: the median.
    :param high: the third quartile.
    """

    low: float
    median: float
    high: float


class Series(Frozen):
    """What was measured on a host and the machines on it.

    :param host: alias of the host.
    :param emulated_guest: whether the guest is emulated too, because the host has no hardware virtualization.
    :param boots: seconds that each environment took from its start until it was ready.
    :param samples: all measurements, in the order in which they were made.
    """

    host: str
    emulated_guest: bool = False
    boots: dict[Environment, float]
    samples: tuple[Sample, ...]

    @property
    def environments(self) -> tuple[Environment, ...]:
        """The environments that were measured, "native" among them, in the order of the samples."""
        return tuple(dict.fromkeys(sample.environment for sample in self.samples))

    def time(self, environment: Environment, load: Workload) -> Quartiles:
        """Return the microseconds for one unit of the load."""
        return _quartiles(list(self._turns(environment, load).values()))

    def ratio(self, environment: Environment, load: Workload) -> Quartiles:
        """Return how many times as long as natively the load takes, compared turn by turn."""
        native, times = self._turns("native", load), self._turns(environment, load)
        return _quartiles([times[turn] / native[turn] for turn in times])

    def _turns(self, environment: Environment, load: Workload) -> dict[int, float]:
        return {
            sample.turn: sample.microseconds
            for sample in self.samples
            if (sample.environment, sample.load) == (environment, load)
        }


class Cost(Frozen):
    """The time, memory and disk space that one machine takes.

    :param machine: alias of the machine.
    :param kind: whether it is a guest or a container.
    :param seconds: of a guest: from the start of its kernel until its boot is finished. Of a container: to
        create, run and remove one that does nothing.
    :param memory: memory that it takes of its host, in bytes.
    :param disk: disk space that it takes of its host for itself alone, in bytes.
    :param shared: disk space of the image that all machines of its kind share, in bytes.
    """

    machine: str
    kind: Literal["guest", "container"]
    seconds: Time
    memory: Bytes
    disk: Bytes
    shared: Bytes


class Costs(Frozen):
    """What a guest costs, and what a container costs in comparison.

    :param guest: a student's guest.
    :param container: a container, of the same student where there is one.
    """

    guest: Cost
    container: Cost


def _quartiles(figures: list[float]) -> Quartiles:
    if len(figures) == 1:
        return Quartiles(low=figures[0], median=figures[0], high=figures[0])
    low, _, high = quantiles(figures, n=4, method="inclusive")
    return Quartiles(low=low, median=median(figures), high=high)
