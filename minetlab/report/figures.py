"""The report's plots and tables of what was measured, in French, since a class reads it."""

import io
from collections.abc import Iterable, Mapping
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from minetlab.claims.measurements import LOADS, Cost, Costs, Environment, Quartiles, Series, Workload
from minetlab.report.page import MeasuredTable, Plot
from minetlab.util.limits import MIB

ENVIRONMENTS: Mapping[Environment, str] = {
    "native": "sans rien (natif)",
    "container": "container",
    "guest": "VM (KVM)",
    "emulated program": "programme ARM64 émulé",
    "emulated PC": "PC émulé (TCG)",
    "emulated ARM64": "machine ARM64 émulée (TCG)",
}
EMULATED_GUEST = "VM (TCG : l'hôte n'a pas de virtualisation matérielle)"
WORK: Mapping[Workload, str] = {
    "processor": "processeur (nombres premiers)",
    "kernel": "noyau (appels système)",
    "memory": "mémoire (nouvelles pages)",
}
# From Okabe and Ito's palette, which colour-blind people can tell apart; dark enough on white.
PLOT_COLOURS = ("#0072b2", "#d55e00", "#00785a")
# Texts stay texts in the SVG, and the same data make the same bytes.
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "minet-lab",
    "font.family": "sans-serif",
    "font.size": 11,
}


@rc_context(STYLE)
def ratio_plot(series: Series) -> Plot:
    """Plot how many times as long as natively each load takes in each environment, on a logarithmic axis."""
    environments = [name for name in series.environments if name != "native"]
    canvas = Canvas(figsize=(9, 1.3 + 0.75 * len(environments)), layout="constrained")
    axes = canvas.subplots()
    for number, load in enumerate(LOADS):
        spreads = [series.ratio(name, load) for name in environments]
        _ratio_bars(axes, number, WORK[load], spreads)
    axes.set_yticks(range(len(environments)), [_name(series, name) for name in environments])
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xticks([1, 10, 100, 1000], ["1 (natif)", "10", "100", "1000"])
    axes.margins(x=0.18)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xlabel("durée, en multiples de la durée native (médiane et quartiles)")
    canvas.legend(loc="outside upper center", ncols=len(LOADS), frameon=False)
    title = f"Le même travail sur {series.host} : combien de fois plus long que nativement"
    text = " ".join(_ratios_in_words(series, name) for name in environments)
    return Plot(title, text, svg(canvas))


def _ratio_bars(axes: Axes, number: int, label: str, spreads: list[Quartiles]) -> None:
    """Draw the bars of one load: one bar in each environment's group.

    :param axes: where to draw.
    :param number: number of the load among :data:`LOADS`.
    :param label: name of the load in the legend.
    :param spreads: the ratios, by environment from the top.
    """
    height = 0.8 / len(LOADS)
    rows = [row + (number - 1) * height for row in range(len(spreads))]
    medians = [spread.median for spread in spreads]
    errors = [
        [spread.median - spread.low for spread in spreads],
        [spread.high - spread.median for spread in spreads],
    ]
    axes.barh(rows, medians, height * 0.9, xerr=errors, capsize=3, color=PLOT_COLOURS[number], label=label)
    for row, spread in zip(rows, spreads, strict=True):
        end = (spread.high, row)
        axes.annotate(_times(spread), end, (6, 0), textcoords="offset points", va="center")


def _ratios_in_words(series: Series, environment: Environment) -> str:
    ratios = [f"{WORK[load]} {_times(series.ratio(environment, load))}" for load in LOADS]
    return f"{_name(series, environment)} : {', '.join(ratios)}."


def time_table(series: Series) -> MeasuredTable:
    """Tabulate how long each load takes in each environment, and how many times as long as natively."""
    rows = []
    for environment in series.environments:
        cells = [
            f"{_spread(series.time(environment, load))}, {_times(series.ratio(environment, load))}"
            for load in LOADS
        ]
        rows.append((_name(series, environment), *cells))
    return MeasuredTable(
        f"Le même travail sur {series.host} : µs par unité (médiane et quartiles), multiple du natif",
        ("où", *(WORK[load] for load in LOADS)),
        tuple(rows),
    )


@rc_context(STYLE)
def cost_plot(costs: Costs) -> Plot:
    """Plot what a guest and a container cost side by side, with a panel for each kind of cost."""
    canvas = Canvas(figsize=(9, 2.6), layout="constrained")
    panels = canvas.subplots(1, 3)
    both = (costs.guest, costs.container)
    _panel(panels[0], "démarrer (s)", [cost.seconds for cost in both])
    _panel(panels[1], "mémoire de l'hôte (Mio)", [cost.memory / MIB for cost in both])
    _panel(panels[2], "disque pour soi seul (Mio)", [cost.disk / MIB for cost in both])
    text = " ".join(f"{cost.machine} : {', '.join(_row(cost)[1:])}." for cost in both)
    return Plot("Ce que coûtent une VM et un container", text, svg(canvas))


def cost_table(costs: Costs) -> MeasuredTable:
    """Tabulate what a guest and a container cost."""
    return MeasuredTable(
        "Ce que coûtent une VM et un container",
        (
            "machine",
            "démarrer",
            "mémoire de l'hôte",
            "disque pour soi seul",
            "disque commun à toutes (image)",
        ),
        (_row(costs.guest), _row(costs.container)),
    )


def figures(measured: Iterable[Series | Costs]) -> tuple[list[Plot], list[MeasuredTable]]:
    """Make a plot and a table of each measurement."""
    plots: list[Plot] = []
    tables: list[MeasuredTable] = []
    for measurement in measured:
        if isinstance(measurement, Series):
            plots.append(ratio_plot(measurement))
            tables.append(time_table(measurement))
        else:
            plots.append(cost_plot(measurement))
            tables.append(cost_table(measurement))
    return plots, tables


def _panel(axes: Axes, title: str, values: list[float]) -> None:
    bars = axes.bar(["VM", "container"], values, color=PLOT_COLOURS[:2])
    axes.bar_label(bars, [_number(value) for value in values], padding=2)
    axes.set_title(title, fontsize=11)
    axes.margins(y=0.2)


def _row(cost: Cost) -> tuple[str, ...]:
    kind = {"guest": "VM", "container": "container"}[cost.kind]
    return (
        f"{kind} {cost.machine}",
        f"{_number(cost.seconds)} s",
        *(f"{_number(size / MIB)} Mio" for size in (cost.memory, cost.disk, cost.shared)),
    )


def _name(series: Series, environment: Environment) -> str:
    return EMULATED_GUEST if environment == "guest" and series.emulated_guest else ENVIRONMENTS[environment]


def _times(spread: Quartiles) -> str:
    return f"× {_number(spread.median)}"


def _spread(spread: Quartiles) -> str:
    return f"{_number(spread.median)} ({_number(spread.low)} … {_number(spread.high)})"


def _number(value: float) -> str:
    """Write a number with three significant digits, and with a decimal comma.

    :param value: the number.
    :return: the text.

    >>> _number(0.0234), _number(1.5), _number(1234.5)
    ('0,0234', '1,5', '1234')
    """
    digits = f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"  # noqa: PLR2004
    return digits.replace(".", ",")


def svg(canvas: Canvas) -> str:
    """Return a figure as an SVG document; without a date, so that the same data make the same document."""
    file = io.StringIO()
    canvas.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()
