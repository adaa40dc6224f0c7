"""The JSON file that keeps the results of the comparison. Nothing here times anything."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.compare.rows import VERBS, HostLoad, LoadKind, Verb
from benchmarks.kept import write
from benchmarks.numbers import Spread, spread
from minetlab.util.errors import LabError


@dataclass(frozen=True)
class Measurement:
    """The timing of one command.

    :param contestant: the name of the contestant.
    :param verb: what the command does.
    :param kind: the kind of the load.
    :param size: the size of the load.
    :param round: the number of the round, from 1.
    :param seconds: the seconds that it took; None if it failed.
    :param problem: why it failed, with the end of its output.
    """

    contestant: str
    verb: Verb
    kind: LoadKind
    size: int
    round: int
    seconds: float | None
    problem: str | None = None

    @property
    def load(self) -> HostLoad:
        """The load of the host."""
        return HostLoad(self.kind, self.size)


@dataclass(frozen=True)
class Entrant:
    """A contestant of a run, as it is kept.

    :param name: the name of the contestant.
    :param how: how it was run, in whole sentences.
    :param version: the versions of its parts, as far as they could be found out.
    :param absent: why it did not compete; None if it did.
    """

    name: str
    how: str
    version: str = ""
    absent: str | None = None


@dataclass
class Results:
    """The results of one run.

    :param machine: the machine that it ran on, as :func:`benchmarks.kept.machine` describes it.
    :param plan: the plan of the run, as JSON values.
    :param entrants: the contestants.
    :param measurements: the measurements.
    """

    machine: dict[str, str]
    plan: dict[str, Any]
    entrants: list[Entrant] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)

    def rows(self) -> list[tuple[Verb, HostLoad]]:
        """Return the verbs and loads that were timed, verb by verb, and in the order of their begin."""
        timed = dict.fromkeys((measurement.verb, measurement.load) for measurement in self.measurements)
        return [row for verb in VERBS for row in timed if row[0] == verb]

    def spread(self, name: str, verb: Verb, load: HostLoad) -> Spread | None:
        """Return how long a contestant took, or None if it never succeeded."""
        measurements = self._of(name, verb, load)
        return spread(measurement.seconds for measurement in measurements if measurement.seconds is not None)

    def problems(self) -> list[Measurement]:
        """Return the measurements that failed."""
        return [measurement for measurement in self.measurements if measurement.problem]

    def has(self, name: str, verb: Verb, load: HostLoad, number: int) -> bool:
        """Tell whether a round was measured already."""
        return any(measurement.round == number for measurement in self._of(name, verb, load))

    def _of(self, name: str, verb: Verb, load: HostLoad) -> Iterable[Measurement]:
        return (
            measurement
            for measurement in self.measurements
            if (measurement.contestant, measurement.verb, measurement.load) == (name, verb, load)
        )

    def add(self, measurement: Measurement) -> None:
        """Add a measurement, in place of an earlier one of the same command and round."""
        key = _key(measurement)
        self.measurements = [other for other in self.measurements if _key(other) != key] + [measurement]

    def save(self, file: Path) -> None:
        """Write the results to a file, in one step."""
        write(file, asdict(self))


def _key(measurement: Measurement) -> tuple[str, Verb, HostLoad, int]:
    return measurement.contestant, measurement.verb, measurement.load, measurement.round


def load(file: Path) -> Results:
    """Read the results of a run.

    :param file: the JSON file.
    :return: the results.
    :raises LabError: there is no such file, or it holds something else.
    """
    try:
        kept = json.loads(file.read_text())
        entrants = [Entrant(**fields) for fields in kept["entrants"]]
        measurements = [Measurement(**fields) for fields in kept["measurements"]]
        return Results(kept["machine"], kept["plan"], entrants, measurements)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LabError(
            f"cannot read the measurements {file}: {error}", next_step="run it without --resume"
        ) from error
