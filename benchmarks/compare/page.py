"""Make the section of the page from measurements: tables, and plots as SVG. Nothing here times anything."""

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
from minetlab.report.figures import PLOT_COLOURS, STYLE, svg

HEADINGS: Mapping[Verb, str] = {
    "create": "Making them",
    "repeat": "Nothing to do",
    "remove": "Removing them",
}
_EXPLANATIONS: Mapping[Verb, str] = {
    "create": "From a host without any to all of them there and started; *students* have a guest that is "
    "off and a container that runs.",
    "repeat": "The same command again, all of them there as they should be. Only tools for both guests and "
    "containers compete for students.",
    "remove": "From all of them to none.",
}


def section(results: Results, introduction: str, names: Sequence[str], floor: str) -> str:
    """Return the section of the page.

    :param results: the results of the comparison.
    :param introduction: the beginning of the section.
    :param names: the names of the contestants, in the order of the tables.
    :param floor: the name of the contestant that the others are compared with.
    :return: the section, in Markdown.
    """
    parts = [introduction]
    for verb, heading in HEADINGS.items():
        loads = _loads(results, verb)
        if loads:
            parts.append(f"### {heading}\n\n{_EXPLANATIONS[verb]}\n")
            parts.append(f"![{heading}: medians with quartiles, in seconds]({FOLDER}/{verb}.svg)\n")
            parts.append(_table(results, verb, loads, names, floor))
    parts.append(_entrants(results))
    if results.problems():
        parts.append("### What failed\n\n" + "".join(map(_problem, results.problems())))
    return "\n".join(parts)


def figures(results: Results, names: Sequence[str], ours: str) -> Iterator[tuple[str, str]]:
    """Make a plot for each table.

    :param results: the results of the comparison.
    :param names: the names of the contestants, in the order of the bars.
    :param ours: the name of the contestant whose bars have another colour.
    :yields: the name of a file, and its content as SVG.
    """
    for verb in HEADINGS:
        loads = _loads(results, verb)
        if loads:
            yield f"{verb}.svg", _figure(results, verb, loads, names, ours)


def _loads(results: Results, verb: Verb) -> list[HostLoad]:
    return [load for row_verb, load in results.rows() if row_verb == verb]


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
    """Return the text of a cell, which is empty if the contestant was not timed for it."""
    if spread is None:
        return ""
    ratio = f", × {number(spread.median / floor.median)}" if floor else ""
    few = f", n = {spread.count}" if spread.count < results.plan["rounds"] else ""
    return f"{number(spread.median)} ({number(spread.low)} … {number(spread.high)}){ratio}{few}"


def _entrants(results: Results) -> str:
    lines = ["### Who competes\n"]
    for entrant in results.entrants:
        version = f" ({entrant.version})" if entrant.version else ""
        lines.append(f"- **{entrant.name}**{version}: {entrant.how}")
        if entrant.absent:
            lines.append(f"  *Did not compete here:*\n\n{_quoted(entrant.absent)}\n")
    return "\n".join(lines) + "\n"


def _problem(failed: Measurement) -> str:
    command = f"{failed.contestant}, {HEADINGS[failed.verb].lower()}, {failed.load}, round {failed.round}"
    return f"- {command}:\n\n{_quoted(failed.problem or '')}\n\n"


def _quoted(text: str) -> str:
    plain = Text.from_ansi(text).plain
    clean = ("".join(c for c in line if c.isprintable()) for line in plain.splitlines())
    return "\n".join(f"      {line}".rstrip() for line in clean)


@rc_context(STYLE)
def _figure(results: Results, verb: Verb, loads: Sequence[HostLoad], names: Sequence[str], ours: str) -> str:
    """Draw a panel for each load, with a bar for each contestant."""
    panels: dict[HostLoad, dict[str, Spread]] = {}
    for load in loads:
        spreads = {name: results.spread(name, verb, load) for name in names}
        panels[load] = {name: spread for name, spread in spreads.items() if spread}
    bars = [max(1, len(panel)) for panel in panels.values()]
    canvas = Figure(figsize=(9, 0.4 * sum(bars) + 0.9 * len(bars)), layout="constrained")
    all_axes = canvas.subplots(len(bars), 1, height_ratios=bars, squeeze=False)[:, 0]
    for axes, (load, panel) in zip(all_axes, panels.items(), strict=True):
        _panel(axes, str(load), panel, ours)
    all_axes[-1].set_xlabel("seconds (median and quartiles)")
    return svg(canvas)


def _panel(axes: Axes, title: str, spreads: Mapping[str, Spread], ours: str) -> None:
    medians = [spread.median for spread in spreads.values()]
    errors = [
        [spread.median - spread.low for spread in spreads.values()],
        [spread.high - spread.median for spread in spreads.values()],
    ]
    rows = range(len(spreads))
    colours = [PLOT_COLOURS[name == ours] for name in spreads]
    axes.barh(rows, medians, xerr=errors, capsize=3, color=colours)
    for row, spread in zip(rows, spreads.values(), strict=True):
        label, position = number(spread.median), (spread.high, row)
        axes.annotate(label, position, (6, 0), textcoords="offset points", va="center")
    axes.set_yticks(rows, list(spreads))
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_title(title, loc="left", fontsize=11)
