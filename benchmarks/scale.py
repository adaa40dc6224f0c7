"""Measure how a deploy grows with hosts and students: time, memory, processor time, number of commands.

The hosts are native hosts, each of them a KVM host and a container host. Each student has a guest that is
defined, and a container.
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
"""The number of hosts and students of a campus, for which the fit predicts what a deploy would take."""


class Growth(NamedTuple):
    """Two deploys with nothing to do that are compared: for few and for many students, on as many hosts.

    :param on: how many hosts each of the two labs has.
    :param few: the number of students of one lab.
    :param many: the number of students of the other lab.
    """

    on: int
    few: int
    many: int


GROWTH, QUICK_GROWTH = Growth(10, 10, 300), Growth(1, 1, 4)
GROWTH_AIM = 1.5
"""The most times as long that the deploy for many students should take."""
GROWTH_ROUNDS = 7
PEAK_MB = 150
"""The most memory that a deploy should take, in MB."""
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
        _Lab(hosts, 0).deploy(MAKE)  # Pool, network and images are there before anything is measured.
        for count in counts:
            for students in classes:
                yield from _reported(_cell(_Lab(hosts.only(*hosts[:count]), students), rounds), progress)
        growth, rounds = (QUICK_GROWTH, 1) if options.quick else (GROWTH, options.rounds or GROWTH_ROUNDS)
        yield from _reported(_growth(hosts, growth, rounds), progress)


def _reported(rows: Iterator[KeptRow], progress: Progress) -> Iterator[KeptRow]:
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
    # Few and many students take turns, as the speed of a machine changes within minutes.
    few = _Lab(hosts.only(*hosts[: growth.on]), growth.few)
    many = _Lab(hosts.only(*hosts[growth.on : 2 * growth.on]), growth.many)
    for lab in (few, many):
        lab.deploy(MAKE)
    for _ in range(rounds):
        settle()
        few_seconds = few.deploy(REPEAT)["seconds"]
        settle()
        many_seconds = many.deploy(REPEAT)["seconds"]
        ratio = round(many_seconds / few_seconds, 3)
        yield {
            **growth._asdict(),
            "few_seconds": few_seconds,
            "many_seconds": many_seconds,
            "growth": ratio,
        }


class _Lab:
    """A lab on native hosts, with this number of students."""

    def __init__(self, hosts: NativeHosts, students: int) -> None:
        self.hosts, self.students = hosts, students
        # A subnet with room for a thousand students.
        network = {"mode": "nat", "subnet": "10.77.0.0/22"}
        self.inventory = write_lab(
            hosts,
            hosts.folder / f"lab-{len(hosts)}-{students}",
            students=students,
            progress=lambda _: None,
            kvm={"guest_network": network},
        )

    def deploy(self, kind: str) -> KeptRow:
        """Deploy the lab, and return what that took; ``kind`` is MAKE or REPEAT."""
        usage, _ = deployed(self.hosts, self.inventory, "deploys/all.py")
        return self._row(kind) | usage.as_row()

    def commands(self) -> KeptRow:
        """Deploy the lab once more, and count the commands that each host is sent."""
        _, output = deployed(self.hosts, self.inventory, "--debug", "deploys/all.py")
        commands = Counter(re.findall(r"Running command on (\S+):", output))
        return self._row(REPEAT) | {"commands": round(commands.total() / len(self.hosts), 1)}

    def remove(self) -> None:
        """Remove the students' machines; pool, network and images stay."""
        deployed(
            self.hosts,
            self.inventory,
            "deploys/remove.py",
            "--data",
            f"students={','.join(logins(self.students))}",
        )

    def _row(self, kind: str) -> KeptRow:
        return {"hosts": len(self.hosts), "students": self.students, "deploy": kind}


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

    rows = [[hosts, *(cell(hosts, students) for students in classes)] for hosts in kept.values("hosts")]
    return table(headings, rows)


def _aims(kept: Kept) -> str:
    rows = []
    if growth := spread(kept.series("growth")):
        on, few, many = (kept.values(name)[0] for name in Growth._fields)
        caption = (
            f"With nothing to do, {many} students on {on} hosts take so many times what {few} take, in turns"
        )
        rows.append([caption, growth, GROWTH_AIM])
    peak = max(kept.series("peak"))
    rows.append(
        [
            "The most memory that any of these deploys took on this machine, in MB",
            number(peak * 2**20 / 1e6),
            PEAK_MB,
        ]
    )
    return table(["", "measured", "aim"], rows)


def _campus(kept: Kept) -> str:
    hosts, students = CAMPUS
    lines = [f"Fitted by least squares, and from that for {students} students on {hosts} hosts:\n"]
    rows = []
    for (value, deploy), caption in TABLES.items():
        if value == "commands":
            continue
        base, per_host, per_student, largest_error = slopes(_medians(kept, value, deploy))
        total = base + per_host * hosts + per_student * students
        rows.append(
            [
                caption,
                number(base),
                number(per_host),
                number(per_student),
                f"{largest_error:.0%}",
                f"**{number(total)}**",
            ]
        )
    headings = ["", "in any case", "each host", "each student", "furthest off", f"{students} on {hosts}"]
    return "\n".join([*lines, table(headings, rows)])


def _medians(kept: Kept, value: str, deploy: str) -> list[tuple[int, int, float]]:
    """Return the numbers of hosts and students that were measured, with the median of a value for them."""
    medians = []
    for hosts in kept.values("hosts"):
        for students in kept.values("students"):
            if values := spread(kept.series(value, hosts=hosts, students=students, deploy=deploy)):
                medians.append((hosts, students, values.median))
    return medians


def slopes(medians: Sequence[tuple[int, int, float]]) -> tuple[float, float, float, float]:
    """Fit a base value, a value for each host and a value for each student, by least squares.

    >>> fit = slopes([(h, s, 1 + 0.5 * h + 0.01 * s) for h in (1, 5) for s in (1, 30)])
    >>> [round(value, 6) for value in fit]
    [1.0, 0.5, 0.01, 0.0]

    :param medians: numbers of hosts, numbers of students, and the measured median for them.
    :return: the base value, the value for each host, the value for each student, and the largest relative
        error of the fit.
    """
    factors = numpy.array([(1, hosts, students) for hosts, students, _ in medians], dtype=float)
    measured = numpy.array([median for _, _, median in medians])
    # Relative errors are minimized, so that a class of 1 counts as much as a class of 300.
    weights = 1 / measured
    fit, *_ = numpy.linalg.lstsq(factors * weights[:, None], measured * weights, rcond=None)
    largest_error = float(numpy.max(numpy.abs(factors @ fit / measured - 1)))
    base, per_host, per_student = map(float, fit)
    return base, per_host, per_student, largest_error


PART = Simple("scale", _rows, _text)
