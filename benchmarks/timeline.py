"""Find out from the output of ``lab up`` where its time goes: a span for each thing that took long."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from matplotlib import rc_context
from matplotlib.figure import Figure

from minetlab.report.figures import PLOT_COLOURS, STYLE, svg

LAB = "lab"
"""The row of spans that concern all hosts together."""
_OF_HOST = re.compile(r"\s*\[(?:@\w+/)?([\w.-]+)\] (.*)")
_OPERATION = re.compile(r"--> Starting operation: (.*?)\s*$")
_DONE = re.compile(r"(Success|No changes|Error|Skipped)\b")
_NAMED = 0.04
"""The share of the whole time from which on a span has its name in the picture."""


@dataclass(frozen=True)
class Span:
    """Something that took a while.

    :param row: the name of a host, or :data:`LAB`.
    :param what: what was done.
    :param begin: when it began, in seconds after the start of the run.
    :param end: when it ended, in seconds after the start of the run.
    """

    row: str
    what: str
    begin: float
    end: float

    @property
    def label(self) -> str:
        """What was done, without the deploy file that an operation is from."""
        return self.what.rpartition("| ")[2]

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.begin


def spans(lines: Iterable[tuple[float, str]], end: float, shortest: float = 0.5) -> list[Span]:
    """Find the spans of a run.

    :param lines: the lines of its output, each with the seconds after its start.
    :param end: when the run ended, in seconds after its start.
    :param shortest: the seconds below which a span is left out.
    :return: the spans, in the order in which they began.
    """
    long_spans = [span for span in _spans(list(lines), end) if span.seconds >= shortest]
    return sorted(long_spans, key=lambda span: (span.begin, span.row))


def _spans(lines: Sequence[tuple[float, str]], end: float) -> Iterator[Span]:
    starts = (match for _, line in lines if (match := _OPERATION.match(line)))
    operations = list(dict.fromkeys(match[1] for match in starts))
    host_begin: dict[str, float] = {}
    operations_done: dict[str, int] = defaultdict(int)
    lab_begin, lab_task = 0.0, "start"
    for seconds, line in lines:
        if line.startswith("--> Connecting"):
            yield Span(LAB, lab_task, lab_begin, seconds)
            lab_begin, lab_task = seconds, ""
        elif line.startswith("asking "):
            lab_begin, lab_task = seconds, "verify"
        elif lab_task == "verify" and re.search(r"\d+ passed", line):
            yield Span(LAB, "verify", lab_begin, seconds)
            lab_begin, lab_task = seconds, "save a checkpoint"
        elif match := _OF_HOST.match(line):
            host, message = match[1], match[2]
            if message == "Connected":
                yield Span(host, "boot or resume, connect", host_begin.get(host, lab_begin), seconds)
                host_begin[host] = seconds
            elif (result := _DONE.match(message)) and operations_done[host] < len(operations):
                if result[1] != "Skipped":
                    yield Span(host, operations[operations_done[host]], host_begin[host], seconds)
                operations_done[host] += 1
                host_begin[host] = seconds
    if lab_task == "save a checkpoint":
        yield Span(LAB, lab_task, lab_begin, end)


@rc_context(STYLE)
def figure(timeline: Sequence[Span]) -> str:
    """Return a picture of spans as SVG, with a row for each host."""
    rows = [*dict.fromkeys(span.row for span in timeline if span.row != LAB), LAB]
    end = max(span.end for span in timeline)
    canvas = Figure(figsize=(11, 1 + 1.1 * len(rows)), layout="constrained")
    axes = canvas.subplots()
    for number, span in enumerate(timeline):
        row = rows.index(span.row)
        axes.barh(row, span.seconds, 0.4, left=span.begin, color=PLOT_COLOURS[number % 2], edgecolor="white")
        if span.seconds >= _NAMED * end:
            axes.annotate(span.label, (span.begin, row - 0.24), fontsize=8, rotation=14, va="bottom")
    axes.set_ylim(-1, len(rows) - 0.6)
    axes.set_yticks(range(len(rows)), rows)
    axes.invert_yaxis()
    axes.set_xlabel("seconds")
    return svg(canvas)
