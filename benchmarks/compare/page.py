"""From measurements to their section of the page: tables, and plots as SVG. Nothing here times anything."""

from collections.abc import Iterator, Mapping, Sequence

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.text import Text

from benchmarks.compare.results import Measurement, Results
from benchmarks.compare.rows import HostLoad, Verb
from benchmarks.markdown import table
from benchmarks.numbers import Spread, number
from benchmarks.part import FOLDER
from minetlab.report.figures import COLOURS, STYLE, svg

HEADINGS: Mapping[Verb, str] = {
    "create": "Making them",
    "repeat": "Nothing to do",
    "remove": "Removing them",
}
_SAID: Mapping[Verb, str] = {
    "create": "From a host without any to all of them there and started; *students* have a guest that is "
    "off and a container that runs.",
    "repeat": "The same command again, all of them there as they should be. Only tools for both guests and "
    "containers compete for students.",
    "remove": "From all of them to none.",
}


def section(results: Results, introduction: str, names: Sequence[str], floor: str) -> str:
    """The whole section.

    :param introduction: its beginning.
    :param names: of the contestants, in the order of the tables.
    :param floor: the one that the others are compared with.
    """
    parts = [introduction]
    for verb, heading in HEADINGS.items():
        loads = [load for each, load in results.rows() if each == verb]
        if loads:
            parts.append(f"### {heading}\n\n{_SAID[verb]}\n")
            parts.append(f"![{heading}: medians with quartiles, in seconds]({FOLDER}/{verb}.svg)\n")
            parts.append(_table(results, verb, loads, names, floor))
    parts.append(_entrants(results))
    if results.problems():
        parts.append("### What failed\n\n" + "".join(map(_problem, results.problems())))
    return "\n".join(parts)


def figures(results: Results, names: Sequence[str], ours: str) -> Iterator[tuple[str, str]]:
    """A plot for each table: its file's name and its content.

    :param names: of the contestants, in their order.
    :param ours: the one that stands out.
    """
    for verb in HEADINGS:
        loads = [load for each, load in results.rows() if each == verb]
        if loads:
            yield f"{verb}.svg", _figure(results, verb, loads, names, ours)


def _table(results: Results, verb: Verb, loads: Sequence[HostLoad], names: Sequence[str], floor: str) -> str:
    rows = []
    for name in names:
        cells = [
            _cell(results, results.spread(name, verb, load), results.spread(floor, verb, load))
            for load in loads
        ]
        if any(cells):
            rows.append([name, *cells])
    return table(["", *map(str, loads)], rows)


def _cell(results: Results, spread: Spread | None, floor: Spread | None) -> str:
    """What a table says of a contestant; nothing where it does not compete."""
    if spread is None:
        return ""
    ratio = f", × {number(spread.median / floor.median)}" if floor else ""
    few = f", n = {spread.count}" if spread.count < results.plan["rounds"] else ""
    return f"{number(spread.median)} ({number(spread.low)} … {number(spread.high)}){ratio}{few}"


def _entrants(results: Results) -> str:
    lines = ["### Who competes\n"]
    for each in results.entrants:
        version = f" ({each.version})" if each.version else ""
        lines.append(f"- **{each.name}**{version}: {each.how}")
        if each.absent:
            lines.append(f"  *Did not compete here:*\n\n{_quoted(each.absent)}\n")
    return "\n".join(lines) + "\n"


def _problem(failed: Measurement) -> str:
    what = f"{failed.contestant}, {HEADINGS[failed.verb].lower()}, {failed.load}, round {failed.round}"
    return f"- {what}:\n\n{_quoted(failed.problem or '')}\n\n"


def _quoted(text: str) -> str:
    plain = Text.from_ansi(text).plain
    clean = ("".join(c for c in line if c.isprintable()) for line in plain.splitlines())
    return "\n".join(f"      {line}".rstrip() for line in clean)


@rc_context(STYLE)
def _figure(results: Results, verb: Verb, loads: Sequence[HostLoad], names: Sequence[str], ours: str) -> str:
    """A panel for each load, with a bar for each contestant."""
    panels = {
        load: {name: found for name in names if (found := results.spread(name, verb, load))} for load in loads
    }
    bars = [max(1, len(each)) for each in panels.values()]
    canvas = Figure(figsize=(9, 0.4 * sum(bars) + 0.9 * len(bars)), layout="constrained")
    axes = canvas.subplots(len(bars), 1, height_ratios=bars, squeeze=False)[:, 0]
    for place, (load, spreads) in zip(axes, panels.items(), strict=True):
        _panel(place, str(load), spreads, ours)
    axes[-1].set_xlabel("seconds (median and quartiles)")
    return svg(canvas)


def _panel(axes: Axes, title: str, spreads: Mapping[str, Spread], ours: str) -> None:
    medians = [each.median for each in spreads.values()]
    errors = [
        [each.median - each.low for each in spreads.values()],
        [each.high - each.median for each in spreads.values()],
    ]
    rows = range(len(spreads))
    colours = [COLOURS[name == ours] for name in spreads]
    axes.barh(rows, medians, xerr=errors, capsize=3, color=colours)
    for row, each in zip(rows, spreads.values(), strict=True):
        axes.annotate(number(each.median), (each.high, row), (6, 0), textcoords="offset points", va="center")
    axes.set_yticks(rows, list(spreads))
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_title(title, loc="left", fontsize=11)
