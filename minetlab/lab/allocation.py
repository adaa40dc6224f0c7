"""What the allocation file says: the host and address, or port, that each machine was given and keeps."""

import csv
import io
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address

from minetlab.lab.base import Frozen
from minetlab.lab.table import Problem, Row, read_table, refusal
from minetlab.util.errors import LabError

COLUMNS = ("login", "machine", "host", "place")


class Placement(Frozen):
    """One machine, and where it is.

    :param login: of the student whose it is.
    :param machine: the guest's or container's name.
    :param host: the inventory's name for it.
    :param place: a guest's address; the port of its host on which a container answers SSH.
    """

    login: str
    machine: str
    host: str
    place: IPv4Address | int


class Allocation(Frozen):
    """All that has been given; of a machine that is there for several hosts, the newest comes last.

    :param source: the file's name, for messages.
    """

    placements: tuple[Placement, ...] = ()
    source: str = "the allocation file"

    @property
    def text(self) -> str:
        """The file's content."""
        written = io.StringIO()
        writer = csv.writer(written, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows((each.login, each.machine, each.host, each.place) for each in self.placements)
        return written.getvalue()


# A deploy reads the same file once for each of its hosts.
@lru_cache(maxsize=4)
def parse_allocation(text: str, source: str) -> Allocation:
    """Read the allocation file.

    :param source: the file's name, for messages.
    :raises LabError: with every problem found, each by line and column.
    """
    table = read_table(text, COLUMNS, required=COLUMNS)
    problems = list(table.problems)
    placements: list[Placement] = []
    lines: dict[tuple[str, str], int] = {}
    for row in table.rows:
        if missing := [column for column in table.columns if column not in row.cells]:
            problems += [Problem(row.line, f", column {column}: is empty") for column in missing]
        elif len(table.columns) == len(COLUMNS):
            placement = _placement(row, problems)
            if placement is None:
                continue
            first = lines.setdefault((placement.machine, placement.host), row.line)
            if first != row.line:
                problems.append(Problem(row.line, f": the same machine and host as line {first}"))
            placements.append(placement)
    if problems:
        raise refusal(source, problems, _next_step(source))
    return Allocation(placements=tuple(placements), source=source)


def collision(allocation: Allocation, first: str, second: str) -> LabError:
    """What to say where two machines were given the same, as by a merge of two branches."""
    return LabError(
        f"{allocation.source} gives the same place to {first} and {second}",
        next_step=_next_step(allocation.source),
    )


def _placement(row: Row, problems: list[Problem]) -> Placement | None:
    cells = row.cells
    try:
        place = int(cells["place"]) if cells["place"].isdecimal() else IPv4Address(cells["place"])
    except AddressValueError:
        problems.append(Problem(row.line, ", column place: is neither an IPv4 address nor a port"))
        return None
    return Placement(login=cells["login"], machine=cells["machine"], host=cells["host"], place=place)


def _next_step(source: str) -> str:
    return f"correct {source}; a machine whose line is deleted is given what is free"
