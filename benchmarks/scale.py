"""How a deploy grows with hosts and students: time, memory and processor of this machine, commands sent.

On native hosts, each a KVM host and a container host; each student has a defined guest, and a container.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy

from benchmarks.compare.timing import settle
from benchmarks.kept import Kept, KeptRow
from benchmarks.markdown import table
from benchmarks.native import NativeHosts, native_hosts, write_lab
from benchmarks.native.lab import logins
from benchmarks.numbers import number, spread
from benchmarks.part import Options, Simple
from benchmarks.usage import deployed
from minetlab.images import Progress

HOSTS, STUDENTS = (1, 5, 10, 20), (1, 10, 30, 300)
QUICK_HOSTS, QUICK_STUDENTS = (1, 2), (1, 4)
ROUNDS = 3
CAMPUS = (50, 1000)
"""Hosts and students of a campus, for which the slopes say what a deploy would take."""


class Growth(NamedTuple):
    """Deploys with nothing to do that are compared: of many students and of few, on as many hosts.

    :param on: how many hosts each of the two has.
    :param few: students of one; ``many``: of the other.
    """

    on: int
    few: int
    many: int


GROWTH, QUICK_GROWTH = Growth(10, 10, 300), Growth(1, 1, 4)
GROWTH_AIM = 1.5
"""How many times as long the deploy of many should take at most."""
GROWTH_ROUNDS = 7
PEAK_MB = 150
"""Memory that a deploy should take at most."""
MAKE, REPEAT = "make", "repeat"
TABLES = {
    ("seconds", MAKE): "Seconds until all machines are there, on hosts with pool, network and images",
    ("seconds", REPEAT): "Seconds of a deploy with nothing to do",
    ("processor", REPEAT): "Of these, seconds that this machine's own processors were at work for it",
    ("peak", MAKE): "The most memory that the making of all machines took on this machine, in MiB",
    ("commands", REPEAT): "Commands that a deploy with nothing to do sends to a host",
}


def _rows(options: Options, progress: Progress) -> Iterator[KeptRow]:
    counts, classes = (QUICK_HOSTS, QUICK_STUDENTS) if options.quick else (HOSTS, STUDENTS)
    rounds = options.rounds or (1 if options.quick else ROUNDS)
    with native_hosts(max(counts), progress) as hosts:
        _Lab(hosts, 0).deploy(MAKE)  # whatever is measured finds pool, network and images
        for count in counts:
            for students in classes:
                yield from _said(_cell(_Lab(hosts.only(*hosts[:count]), students), rounds), progress)
        growth, rounds = (QUICK_GROWTH, 1) if options.quick else (GROWTH, options.rounds or GROWTH_ROUNDS)
        yield from _said(_growth(hosts, growth, rounds), progress)


def _said(rows: Iterator[KeptRow], progress: Progress) -> Iterator[KeptRow]:
    """The same rows, each said as it comes."""
    for row in rows:
        progress(", ".join(f"{name} {value}" for name, value in row.items()))
        yield row


def _cell(lab: "_Lab", rounds: int) -> Iterator[KeptRow]:
    for deploy in (MAKE, *[REPEAT] * rounds):
        settle()
        yield lab.deploy(deploy)
    yield lab.commands()
    lab.remove()


def _growth(hosts: NativeHosts, growth: Growth, rounds: int) -> Iterator[KeptRow]:
    """Few and many students, in turns, on hosts of their own, as a machine's speed changes within minutes."""
    few = _Lab(hosts.only(*hosts[: growth.on]), growth.few)
    many = _Lab(hosts.only(*hosts[growth.on : 2 * growth.on]), growth.many)
    for lab in (few, many):
        lab.deploy(MAKE)
    for _ in range(rounds):
        took = []
        for lab in (few, many):
            settle()
            took.append(lab.deploy(REPEAT)["seconds"])
        ratio = round(took[1] / took[0], 3)
        yield {**growth._asdict(), "few_seconds": took[0], "many_seconds": took[1], "growth": ratio}


class _Lab:
    """The lab on native hosts, with some students."""

    def __init__(self, hosts: NativeHosts, students: int) -> None:
        self.hosts, self.students = hosts, students
        # Room for a thousand students.
        network = {"mode": "nat", "subnet": "10.77.0.0/22"}
        self.inventory = write_lab(
            hosts,
            hosts.folder / f"lab-{len(hosts)}-{students}",
            students=students,
            progress=lambda _: None,
            kvm={"guest_network": network},
        )

    def deploy(self, what: str) -> KeptRow:
        """Deploy it."""
        usage, _ = deployed(self.hosts, self.inventory, "deploys/all.py")
        return self._row(what) | usage.as_row()

    def commands(self) -> KeptRow:
        """Deploy it once more, and count what that sends."""
        _, said = deployed(self.hosts, self.inventory, "--debug", "deploys/all.py")
        sent = Counter(re.findall(r"Running command on (\S+):", said))
        return self._row(REPEAT) | {"commands": round(sent.total() / len(self.hosts), 1)}

    def remove(self) -> None:
        """Remove the students' machines; pool, network and images stay."""
        deployed(
            self.hosts,
            self.inventory,
            "deploys/remove.py",
            "--data",
            f"students={','.join(logins(self.students))}",
        )

    def _row(self, what: str) -> KeptRow:
        return {"hosts": len(self.hosts), "students": self.students, "deploy": what}


def _text(kept: Kept) -> str:
    parts = [
        "## Scale (`scale`)\n",
        "Each student has a guest that is defined and a container that runs. The hosts are native ones: they "
        "share the processors of this machine with the deploy: much of its seconds is their own work.\n",
    ]
    for (value, deploy), caption in TABLES.items():
        parts.append(f"{caption}:\n\n{_table(kept, value, deploy)}")
    parts += [_aims(kept), _campus(kept)]
    return "\n".join(parts)


def _table(kept: Kept, value: str, deploy: str) -> str:
    classes = kept.values("students")
    headings = ["hosts", *(f"{students} student{'s' if students > 1 else ''}" for students in classes)]

    def cell(hosts: int, students: int) -> str:
        return str(spread(kept.series(value, hosts=hosts, students=students, deploy=deploy)) or "")

    return table(
        headings, ([hosts, *(cell(hosts, each) for each in classes)] for hosts in kept.values("hosts"))
    )


def _aims(kept: Kept) -> str:
    """Whether the aims are met, where what they are about was measured."""
    rows = []
    if grown := spread(kept.series("growth")):
        on, few, many = (kept.values(name)[0] for name in Growth._fields)
        what = (
            f"With nothing to do, {many} students on {on} hosts take so many times what {few} take, in turns"
        )
        rows.append([what, grown, GROWTH_AIM])
    most = max(kept.series("peak"))
    rows.append(
        [
            "The most memory that any of these deploys took on this machine, in MB",
            number(most * 2**20 / 1e6),
            PEAK_MB,
        ]
    )
    return table(["", "measured", "aim"], rows)


def _campus(kept: Kept) -> str:
    """What the slopes say of a campus."""
    hosts, students = CAMPUS
    lines = [f"Fitted by least squares, and from that for {students} students on {hosts} hosts:\n"]
    rows = []
    for (value, deploy), caption in TABLES.items():
        if value == "commands":
            continue
        base, per_host, per_student, off = slopes(_medians(kept, value, deploy))
        total = base + per_host * hosts + per_student * students
        rows.append(
            [
                caption,
                number(base),
                number(per_host),
                number(per_student),
                f"{off:.0%}",
                f"**{number(total)}**",
            ]
        )
    headings = ["", "in any case", "each host", "each student", "furthest off", f"{students} on {hosts}"]
    return "\n".join([*lines, table(headings, rows)])


def _medians(kept: Kept, value: str, deploy: str) -> list[tuple[int, int, float]]:
    """Hosts, students, and the median of what was measured for them."""
    found = []
    for hosts in kept.values("hosts"):
        for students in kept.values("students"):
            if times := spread(kept.series(value, hosts=hosts, students=students, deploy=deploy)):
                found.append((hosts, students, times.median))
    return found


def slopes(medians: Sequence[tuple[int, int, float]]) -> tuple[float, float, float, float]:
    """What something takes in any case, for each host and each student, and by how much that is off at most.

    >>> [round(each, 6) for each in slopes([(h, s, 1 + 0.5 * h + 0.01 * s) for h in (1, 5) for s in (1, 30)])]
    [1.0, 0.5, 0.01, 0.0]
    """
    factors = numpy.array([(1, hosts, students) for hosts, students, _ in medians], dtype=float)
    measured = numpy.array([median for _, _, median in medians])
    # Relative errors count: a class of one is not drowned by one of three hundred.
    weights = 1 / measured
    found, *_ = numpy.linalg.lstsq(factors * weights[:, None], measured * weights, rcond=None)
    off = float(numpy.max(numpy.abs(factors @ found / measured - 1)))
    base, per_host, per_student = map(float, found)
    return base, per_host, per_student, off


PART = Simple("scale", _rows, _text)
