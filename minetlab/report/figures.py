"""The report's plots and tables of what was measured: French, for a class to read."""

import io
from collections.abc import Iterable, Mapping
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from minetlab.claims.measurements import LOADS, Cost, Costs, Environment, Quartiles, Series, Workload
from minetlab.report.page import MeasuredTable, Plot

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
    "processeur": "processeur (nombres premiers)",
    "noyau": "noyau (appels système)",
    "memoire": "mémoire (nouvelles pages)",
}
# Okabe and Ito's: told apart by everybody, and dark enough on white.
COLOURS = ("#0072b2", "#d55e00", "#00785a")
# Text stays text, and the same figures make the same bytes. None: no date in the file.
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "minet-lab",
    "font.family": "sans-serif",
    "font.size": 11,
}
MIB = 2**20


@rc_context(STYLE)
def ratios(series: Series) -> Plot:
    """How many times as long as natively each load takes in each environment; on a logarithmic axis."""
    environments = [name for name in series.environments if name != "native"]
    canvas = Canvas(figsize=(9, 1.3 + 0.75 * len(environments)), layout="constrained")
    axes = canvas.subplots()
    thick = 0.8 / len(LOADS)
    for place, load in enumerate(LOADS):
        spreads = [series.ratio(name, load) for name in environments]
        medians = [each.median for each in spreads]
        rows = [row + (place - 1) * thick for row in range(len(environments))]
        errors = [
            [each.median - each.low for each in spreads],
            [each.high - each.median for each in spreads],
        ]
        axes.barh(rows, medians, thick * 0.9, xerr=errors, capsize=3, color=COLOURS[place], label=WORK[load])
        for row, each in zip(rows, spreads, strict=True):
            axes.annotate(
                f"× {_number(each.median)}", (each.high, row), (6, 0), textcoords="offset points", va="center"
            )
    axes.set_yticks(range(len(environments)), [_name(series, name) for name in environments])
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xticks([1, 10, 100, 1000], ["1 (natif)", "10", "100", "1000"])
    axes.margins(x=0.18)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xlabel("durée, en multiples de la durée native (médiane et quartiles)")
    canvas.legend(loc="outside upper center", ncols=len(LOADS), frameon=False)
    said = " ".join(
        f"{_name(series, name)} : "
        + ", ".join(f"{WORK[load]} {_ratio(series.ratio(name, load))}" for load in LOADS)
        + "."
        for name in environments
    )
    return Plot(
        f"Le même travail sur {series.host} : combien de fois plus long que nativement", said, svg(canvas)
    )


def times(series: Series) -> MeasuredTable:
    """The times behind it."""
    return MeasuredTable(
        f"Le même travail sur {series.host} : µs par unité (médiane et quartiles), multiple du natif",
        ("où", *(WORK[load] for load in LOADS)),
        tuple(
            (
                _name(series, name),
                *(
                    f"{_spread(series.time(name, load))}, {_ratio(series.ratio(name, load))}"
                    for load in LOADS
                ),
            )
            for name in series.environments
        ),
    )


@rc_context(STYLE)
def comparison(costs: Costs) -> Plot:
    """A guest and a container side by side, each cost on an axis of its own."""
    canvas = Canvas(figsize=(9, 2.6), layout="constrained")
    panels = canvas.subplots(1, 3)
    both = (costs.guest, costs.container)
    _panel(panels[0], "démarrer (s)", [each.seconds for each in both])
    _panel(panels[1], "mémoire de l'hôte (Mio)", [each.memory / MIB for each in both])
    _panel(panels[2], "disque pour soi seul (Mio)", [each.disk / MIB for each in both])
    said = " ".join(f"{each.machine} : {', '.join(_row(each)[1:])}." for each in both)
    return Plot("Ce que coûtent une VM et un container", said, svg(canvas))


def table(costs: Costs) -> MeasuredTable:
    """The same in figures."""
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
    """All plots and tables of what was measured."""
    plots: list[Plot] = []
    tables: list[MeasuredTable] = []
    for each in measured:
        if isinstance(each, Series):
            plots.append(ratios(each))
            tables.append(times(each))
        else:
            plots.append(comparison(each))
            tables.append(table(each))
    return plots, tables


def _panel(axes: Axes, title: str, values: list[float]) -> None:
    bars = axes.bar(["VM", "container"], values, color=COLOURS[:2])
    axes.bar_label(bars, [_number(value) for value in values], padding=2)
    axes.set_title(title, fontsize=11)
    axes.margins(y=0.2)


def _row(cost: Cost) -> tuple[str, ...]:
    kind = {"guest": "VM", "container": "container"}[cost.kind]
    return (
        f"{kind} {cost.machine}",
        f"{_number(cost.seconds)} s",
        *(f"{_number(each / MIB)} Mio" for each in (cost.memory, cost.disk, cost.shared)),
    )


def _name(series: Series, environment: Environment) -> str:
    return EMULATED_GUEST if environment == "guest" and series.emulated_guest else ENVIRONMENTS[environment]


def _ratio(spread: Quartiles) -> str:
    return f"× {_number(spread.median)}"


def _spread(spread: Quartiles) -> str:
    return f"{_number(spread.median)} ({_number(spread.low)} … {_number(spread.high)})"


def _number(value: float) -> str:
    """Three digits that matter, with a comma.

    >>> _number(0.0234), _number(1.5), _number(1234.5)
    ('0,0234', '1,5', '1234')
    """
    digits = f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"  # noqa: PLR2004
    return digits.replace(".", ",")


def svg(canvas: Canvas) -> str:
    """A picture as SVG, the same for the same data."""
    file = io.StringIO()
    canvas.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()
