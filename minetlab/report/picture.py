"""The topology as a picture: one SVG file that needs nothing beside it."""

from collections.abc import Mapping
from dataclasses import dataclass

from minetlab.claims.evidence import Verdict
from minetlab.report.topology import PlacedHost, PlacedMachine, PlacedNetwork, Topology
from minetlab.report.words import CONNECTORS, INSIDE, ROLES, WORDS, Word, counted
from minetlab.util.render import render

# Pixels. Two small hosts stand side by side; a host of a whole class takes the width for itself.
WIDTH, HALF, GAP, PAD = 1260, 620, 14, 16
TITLE, BAR, DROP, CARD = 48, 30, 20, 74
TRUNK = 18
SMALL = 6
TEXT, SMALLER = 15, 13
# What a letter takes of its height, in sans-serif and monospaced type; the picture cannot measure them.
SANS, MONO = 0.56, 0.62


@dataclass(frozen=True)
class MachineBox:
    """A machine's box, by its upper left corner.

    :param title: everything about it, uncut; ``lines``: what fits.
    """

    machine: PlacedMachine
    x: float
    y: float
    width: float
    title: str
    lines: tuple[str, str, str]
    word: Word | None


@dataclass(frozen=True)
class BoxRow:
    """Machines side by side, and the line that they hang on."""

    line: float
    cards: tuple[MachineBox, ...]


@dataclass(frozen=True)
class Bar:
    """A network, as a bar over its machines."""

    label: str
    y: float
    rows: tuple[BoxRow, ...]

    @property
    def bottom(self) -> float:
        """Where the last of it ends."""
        return self.rows[-1].line + DROP + CARD if self.rows else self.y + BAR


@dataclass(frozen=True)
class Box:
    """A host's box."""

    host: PlacedHost
    x: float
    y: float
    width: float
    bars: tuple[Bar, ...]
    word: Word | None

    @property
    def height(self) -> float:
        """From its upper to its lower edge."""
        return self.bars[-1].bottom + PAD - self.y

    @property
    def about(self) -> str:
        """What it is for, and how it is reached."""
        roles = " + ".join(ROLES[role] for role in self.host.roles)
        return f"{roles} · {CONNECTORS.get(self.host.connector, self.host.connector)}"


def svg(topology: Topology, verdicts: Mapping[str, Verdict] | None = None) -> str:
    """The picture, as a document by itself; it may as well stand inside an HTML page.

    :param verdicts: by machine, to be shown with it; a machine that is not among them has none.
    """
    boxes = _boxes(topology, verdicts or {})
    return render(
        "report/topology.svg.j2",
        lab=topology.lab,
        boxes=boxes,
        width=max((box.x + box.width for box in boxes), default=HALF),
        height=max((box.y + box.height for box in boxes), default=0),
        shown=[word for word in WORDS.values() if any(_shows(box, word) for box in boxes)],
        described=" ".join(map(_described, topology.hosts)),
        sizes={"gap": GAP, "pad": PAD, "bar": BAR, "drop": DROP, "card": CARD, "trunk": TRUNK},
    )


def _shows(box: Box, word: Word) -> bool:
    cards = (card for bar in box.bars for row in bar.rows for card in row.cards)
    return word in (box.word, *(card.word for card in cards))


def _described(host: PlacedHost) -> str:
    networks = (
        f"réseau {network.name}, {network.subnet}, {counted(len(network.machines), INSIDE[network.role])}"
        for network in host.networks
    )
    return f"{host.name} : {' ; '.join(networks)}."


def _boxes(topology: Topology, verdicts: Mapping[str, Verdict]) -> list[Box]:
    """The hosts, in rows from the top."""
    largest = max((len(net.machines) for host in topology.hosts for net in host.networks), default=0)
    width, columns = (HALF, 2 if largest in {1, 2, 4} else 3) if largest <= SMALL else (WIDTH, 6)
    boxes: list[Box] = []
    x = y = 0.0
    for host in topology.hosts:
        if x + width > WIDTH:
            x, y = 0.0, max(box.y + box.height for box in boxes) + PAD
        boxes.append(_box(host, (x, y), (width, columns), verdicts))
        x += width + WIDTH - 2 * HALF
    return boxes


def _box(
    host: PlacedHost, corner: tuple[float, float], size: tuple[float, int], verdicts: Mapping[str, Verdict]
) -> Box:
    (x, y), (width, columns) = corner, size
    bars: list[Bar] = []
    top = y + TITLE
    for network in host.networks:
        bars.append(_bar(network, (x, top), (width, columns), verdicts))
        top = bars[-1].bottom + PAD
    return Box(host, x, y, width, tuple(bars), _word(verdicts, host.name))


def _bar(
    network: PlacedNetwork,
    corner: tuple[float, float],
    size: tuple[float, int],
    verdicts: Mapping[str, Verdict],
) -> Bar:
    (x, y), (width, columns) = corner, size
    left = x + PAD + TRUNK
    card_width = (width - 2 * PAD - TRUNK - (columns - 1) * GAP) / columns
    rows = []
    for first in range(0, len(network.machines), columns):
        line = y + BAR + (first // columns) * (DROP + CARD + GAP)
        rows.append(
            BoxRow(
                line,
                tuple(
                    _card(machine, (left + place * (card_width + GAP), line + DROP), card_width, verdicts)
                    for place, machine in enumerate(network.machines[first : first + columns])
                ),
            )
        )
    bridge = f" · pont {network.bridge}" if network.bridge else ""
    inside = counted(len(network.machines), INSIDE[network.role])
    return Bar(f"réseau {network.name}{bridge} · {network.subnet} · {inside}", y, tuple(rows))


def _card(
    machine: PlacedMachine, corner: tuple[float, float], width: float, verdicts: Mapping[str, Verdict]
) -> MachineBox:
    word = _word(verdicts, machine.name)
    where = f"{machine.tp_image} · {machine.where}" if machine.tp_image else f"VM · {machine.where}"
    title = f"{machine.name} · {machine.student} · {where}{f' · {word.said}' if word else ''}"
    room = width - 2 * GAP
    lines = (
        _cut(machine.student, (room - TEXT) / (TEXT * SANS)),
        _cut(machine.name, room / (SMALLER * MONO)),
        _cut(where, room / (SMALLER * SANS)),
    )
    return MachineBox(machine, *corner, width, title, lines, word)


def _word(verdicts: Mapping[str, Verdict], machine: str) -> Word | None:
    return WORDS[verdicts[machine]] if machine in verdicts else None


def _cut(text: str, letters: float) -> str:
    """As much of a text as there is room for."""
    return text if len(text) <= letters else f"{text[: max(int(letters) - 1, 1)]}…"
