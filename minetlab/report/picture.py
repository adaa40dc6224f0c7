"""The topology of a lab as a picture: an SVG document that needs no other files."""

from collections.abc import Mapping
from dataclasses import dataclass

from minetlab.claims.evidence import Verdict
from minetlab.report.topology import PlacedHost, PlacedMachine, PlacedNetwork, Topology
from minetlab.report.words import CONNECTORS, INSIDE, ROLE_WORDS, VERDICT_WORDS, Word, counted, word_of
from minetlab.util.render import render

# Sizes in pixels. The picture is up to WIDTH wide. If no network of the lab has more than SMALL machines, two
# hosts of the width HALF stand side by side; otherwise each host takes the whole width. PAD is kept free at
# the edges of a host's box, and GAP between the machines on it.
WIDTH, HALF, GAP, PAD = 1260, 620, 14, 16
SMALL = 6
# Heights of a host's title, of a network's bar, of the wire down to a machine, and of a machine's box.
TITLE, BAR, DROP, CARD = 48, 30, 20, 74
# Width of the column for the wire that leads down from the bar to further rows.
TRUNK = 18
# Sizes of type: of a student's name, and of the lines below it.
TEXT, SMALLER = 15, 13
# Width of a letter in sans-serif and monospaced type, as a share of the size. It is estimated, not measured.
SANS, MONO = 0.56, 0.62


@dataclass(frozen=True)
class MachineBox:
    """The box of a machine.

    :param machine: the machine.
    :param x: left edge.
    :param y: upper edge.
    :param width: width.
    :param title: text about the machine, in full.
    :param lines: the student, the machine's name, and what it is, each cut to the width of the box.
    :param word: its verdict; None: none is shown.
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
    """A row of machines, and the line to which their wires lead.

    :param line: height of the line.
    :param cards: the boxes of the machines, from the left.
    """

    line: float
    cards: tuple[MachineBox, ...]


@dataclass(frozen=True)
class Bar:
    """A network: a bar with rows of machines below it.

    :param label: text on the bar.
    :param y: upper edge of the bar.
    :param rows: the rows, from the top.
    """

    label: str
    y: float
    rows: tuple[BoxRow, ...]

    @property
    def bottom(self) -> float:
        """Lower edge of the last row, or of the bar if there are no machines."""
        return self.rows[-1].line + DROP + CARD if self.rows else self.y + BAR


@dataclass(frozen=True)
class Box:
    """The box of a host.

    :param host: the host.
    :param x: left edge.
    :param y: upper edge.
    :param width: width.
    :param bars: its networks, from the top.
    :param word: its verdict; None: none is shown.
    """

    host: PlacedHost
    x: float
    y: float
    width: float
    bars: tuple[Bar, ...]
    word: Word | None

    @property
    def height(self) -> float:
        """Height of the box."""
        return self.bars[-1].bottom + PAD - self.y

    @property
    def about(self) -> str:
        """Text with its roles, and how it is reached."""
        roles = " + ".join(ROLE_WORDS[role] for role in self.host.roles)
        return f"{roles} · {CONNECTORS.get(self.host.connector, self.host.connector)}"


def svg(topology: Topology, verdicts: Mapping[str, Verdict] | None = None) -> str:
    """Draw a lab; the picture can also be put into an HTML page.

    :param topology: what to draw.
    :param verdicts: the verdicts to show, by the machine's alias; None: none are shown.
    :return: the SVG document.
    """
    boxes = _boxes(topology, verdicts or {})
    return render(
        "report/topology.svg.j2",
        lab=topology.lab,
        boxes=boxes,
        width=max((box.x + box.width for box in boxes), default=HALF),
        height=max((box.y + box.height for box in boxes), default=0),
        shown=[word for word in VERDICT_WORDS.values() if any(_shows(box, word) for box in boxes)],
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
    """Arrange the hosts in rows from the top."""
    sizes = [len(network.machines) for host in topology.hosts for network in host.networks]
    largest = max(sizes, default=0)
    if largest > SMALL:
        width, columns = WIDTH, 6
    else:
        width, columns = HALF, 2 if largest in {1, 2, 4} else 3
    boxes: list[Box] = []
    x = y = 0.0
    for host in topology.hosts:
        if x + width > WIDTH:
            x, y = 0.0, max(box.y + box.height for box in boxes) + PAD
        boxes.append(_box(host, x, y, width, columns, verdicts=verdicts))
        x += width + WIDTH - 2 * HALF
    return boxes


def _box(
    host: PlacedHost, x: float, y: float, width: float, columns: int, *, verdicts: Mapping[str, Verdict]
) -> Box:
    bars: list[Bar] = []
    top = y + TITLE
    for network in host.networks:
        bars.append(_bar(network, x, top, width, columns, verdicts=verdicts))
        top = bars[-1].bottom + PAD
    return Box(host, x, y, width, tuple(bars), word_of(verdicts.get(host.name)))


def _bar(
    network: PlacedNetwork, x: float, y: float, width: float, columns: int, *, verdicts: Mapping[str, Verdict]
) -> Bar:
    left = x + PAD + TRUNK
    card_width = (width - 2 * PAD - TRUNK - (columns - 1) * GAP) / columns
    rows = []
    for first in range(0, len(network.machines), columns):
        line = y + BAR + (first // columns) * (DROP + CARD + GAP)
        cards = []
        for column, machine in enumerate(network.machines[first : first + columns]):
            card_left = left + column * (card_width + GAP)
            cards.append(_card(machine, card_left, line + DROP, card_width, verdicts.get(machine.name)))
        rows.append(BoxRow(line, tuple(cards)))
    bridge = f" · pont {network.bridge}" if network.bridge else ""
    inside = counted(len(network.machines), INSIDE[network.role])
    return Bar(f"réseau {network.name}{bridge} · {network.subnet} · {inside}", y, tuple(rows))


def _card(machine: PlacedMachine, x: float, y: float, width: float, verdict: Verdict | None) -> MachineBox:
    word = word_of(verdict)
    where = f"{machine.tp_image} · {machine.where}" if machine.tp_image else f"VM · {machine.where}"
    title = f"{machine.name} · {machine.student} · {where}"
    if word:
        title += f" · {word.label}"
    room = width - 2 * GAP
    lines = (
        _cut(machine.student, (room - TEXT) / (TEXT * SANS)),
        _cut(machine.name, room / (SMALLER * MONO)),
        _cut(where, room / (SMALLER * SANS)),
    )
    return MachineBox(machine, x, y, width, title, lines, word)


def _cut(text: str, letters: float) -> str:
    """Cut a text to so many letters; an ellipsis shows that it is cut."""
    return text if len(text) <= letters else f"{text[: max(int(letters) - 1, 1)]}…"
