"""What was measured, as it is kept: one JSON file. Nothing here times anything."""

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
    """One command, timed.

    :param seconds: it took; None: it failed.
    :param problem: why, with the end of what it said.
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
        """What the host was given."""
        return HostLoad(self.kind, self.size)


@dataclass(frozen=True)
class Entrant:
    """Who competed.

    :param how: it was run, in whole sentences.
    :param version: of what it is made of, as far as it says.
    :param absent: why it did not, if so.
    """

    name: str
    how: str
    version: str = ""
    absent: str | None = None


@dataclass
class Results:
    """One run.

    :param machine: what it ran on, by what that is called.
    :param plan: as JSON.
    """

    machine: dict[str, str]
    plan: dict[str, Any]
    entrants: list[Entrant] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)

    def rows(self) -> list[tuple[Verb, HostLoad]]:
        """What was timed, verb by verb, in the order in which it was begun."""
        seen = dict.fromkeys((each.verb, each.load) for each in self.measurements)
        return [row for verb in VERBS for row in seen if row[0] == verb]

    def spread(self, name: str, verb: Verb, load: HostLoad) -> Spread | None:
        """How long a contestant took; None: it never succeeded."""
        return spread(each.seconds for each in self._of(name, verb, load) if each.seconds is not None)

    def problems(self) -> list[Measurement]:
        """What failed."""
        return [each for each in self.measurements if each.problem]

    def has(self, name: str, verb: Verb, load: HostLoad, number: int) -> bool:
        """Whether that round is there already."""
        return any(each.round == number for each in self._of(name, verb, load))

    def _of(self, name: str, verb: Verb, load: HostLoad) -> Iterable[Measurement]:
        return (
            each
            for each in self.measurements
            if (each.contestant, each.verb, each.load) == (name, verb, load)
        )

    def add(self, measurement: Measurement) -> None:
        """Keep a measurement, in place of the one of that round if there is one."""
        told = ("contestant", "verb", "kind", "size", "round")
        same = [
            each
            for each in self.measurements
            if all(getattr(each, t) == getattr(measurement, t) for t in told)
        ]
        self.measurements = [each for each in self.measurements if each not in same] + [measurement]

    def save(self, file: Path) -> None:
        """Write it, in one step."""
        write(file, asdict(self))


def load(file: Path) -> Results:
    """Read what was kept.

    :raises LabError: there is none, or it is something else.
    """
    try:
        kept = json.loads(file.read_text())
        entrants = [Entrant(**each) for each in kept["entrants"]]
        measurements = [Measurement(**each) for each in kept["measurements"]]
        return Results(kept["machine"], kept["plan"], entrants, measurements)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LabError(
            f"cannot read the measurements {file}: {error}", next_step="run it without --resume"
        ) from error
