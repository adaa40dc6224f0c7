"""Where the time of ``lab up`` goes, from the lines that it says: a span for each thing that took long."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from matplotlib import rc_context
from matplotlib.figure import Figure

from minetlab.report.figures import COLOURS, STYLE, svg

LAB = "lab"
"""The row of what is done for all hosts together."""
_OF_HOST = re.compile(r"\s*\[(?:@\w+/)?([\w.-]+)\] (.*)")
_OPERATION = re.compile(r"--> Starting operation: (.*?)\s*$")
_DONE = re.compile(r"(Success|No changes|Error|Skipped)\b")
_NAMED = 0.04
"""Share of the whole time that a span has to be to have its name in the picture."""


@dataclass(frozen=True)
class Span:
    """Something that took a while.

    :param row: a host's name, or :data:`LAB`.
    :param begin: seconds after the start.
    """

    row: str
    what: str
    begin: float
    end: float

    @property
    def label(self) -> str:
        """What it is, without the deploy file that an operation is from."""
        return self.what.rpartition("| ")[2]

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.begin


def spans(lines: Iterable[tuple[float, str]], end: float, shortest: float = 0.5) -> list[Span]:
    """The spans of a run.

    :param lines: what it said, each with the seconds after its start.
    :param end: when it ended.
    :param shortest: seconds below which a span is left out.
    """
    found = [each for each in _spans(list(lines), end) if each.seconds >= shortest]
    return sorted(found, key=lambda each: (each.begin, each.row))


def _spans(lines: Sequence[tuple[float, str]], end: float) -> Iterator[Span]:
    operations = list(dict.fromkeys(begun[1] for _, line in lines if (begun := _OPERATION.match(line))))
    since: dict[str, float] = {}
    done: dict[str, int] = defaultdict(int)
    lab = (0.0, "start")
    for at, line in lines:
        if line.startswith("--> Connecting"):
            yield Span(LAB, lab[1], lab[0], at)
            lab = (at, "")
        elif line.startswith("asking "):
            lab = (at, "verify")
        elif lab[1] == "verify" and re.search(r"\d+ passed", line):
            yield Span(LAB, "verify", lab[0], at)
            lab = (at, "save a checkpoint")
        elif host := _OF_HOST.match(line):
            name, said = host[1], host[2]
            if said == "Connected":
                yield Span(name, "boot or resume, connect", since.get(name, lab[0]), at)
                since[name] = at
            elif (result := _DONE.match(said)) and done[name] < len(operations):
                if result[1] != "Skipped":
                    yield Span(name, operations[done[name]], since[name], at)
                done[name] += 1
                since[name] = at
    if lab[1] == "save a checkpoint":
        yield Span(LAB, lab[1], lab[0], end)


@rc_context(STYLE)
def figure(found: Sequence[Span]) -> str:
    """A picture of the spans, a row for each host, as SVG."""
    rows = [*dict.fromkeys(each.row for each in found if each.row != LAB), LAB]
    whole = max(each.end for each in found)
    canvas = Figure(figsize=(11, 1 + 1.1 * len(rows)), layout="constrained")
    axes = canvas.subplots()
    for number, each in enumerate(found):
        place = rows.index(each.row)
        axes.barh(place, each.seconds, 0.4, left=each.begin, color=COLOURS[number % 2], edgecolor="white")
        if each.seconds >= _NAMED * whole:
            axes.annotate(each.label, (each.begin, place - 0.24), fontsize=8, rotation=14, va="bottom")
    axes.set_ylim(-1, len(rows) - 0.6)
    axes.set_yticks(range(len(rows)), rows)
    axes.invert_yaxis()
    axes.set_xlabel("seconds")
    return svg(canvas)
