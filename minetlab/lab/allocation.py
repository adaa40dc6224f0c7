"""The content of the allocation file: which host, and which address or port, each machine was given."""

import csv
import io
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address

from minetlab.lab.base import Frozen
from minetlab.lab.table import Problem, Row, read_table, refusal
from minetlab.util.errors import LabError

ALLOCATION_COLUMNS = ("login", "machine", "host", "place")


class Placement(Frozen):
    """One line of the allocation file: a machine and its place.

    :param login: the login of the student who owns the machine.
    :param machine: the name of the guest or container.
    :param host: the name of its host, as in the inventory.
    :param place: the address of a guest, or the port of the host on which a container answers SSH.
    """

    login: str
    machine: str
    host: str
    place: IPv4Address | int


class Allocation(Frozen):
    """The whole allocation file.

    :param placements: the lines of the file. A machine that was moved between hosts has a line for each of
        them; the newest comes last.
    :param source: the name of the file, for messages.
    """

    placements: tuple[Placement, ...] = ()
    source: str = "the allocation file"

    @property
    def text(self) -> str:
        """The content of the file, as CSV."""
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(ALLOCATION_COLUMNS)
        for placement in self.placements:
            writer.writerow((placement.login, placement.machine, placement.host, placement.place))
        return file.getvalue()


# Cached, as a deploy reads the same file once for each of its hosts.
@lru_cache(maxsize=4)
def parse_allocation(text: str, source: str) -> Allocation:
    """Parse and check the content of an allocation file.

    :param text: the content of the file.
    :param source: the name of the file, for messages.
    :return: the placements, in the order of the file.
    :raises LabError: the file has mistakes; the message lists all of them, with line and column.
    """
    table = read_table(text, ALLOCATION_COLUMNS, required=ALLOCATION_COLUMNS)
    problems = list(table.problems)
    placements: list[Placement] = []
    first_lines: dict[tuple[str, str], int] = {}
    for row in table.rows:
        if empty_columns := [column for column in table.columns if column not in row.cells]:
            problems += [Problem(row.line, f", column {column}: is empty") for column in empty_columns]
        elif len(table.columns) == len(ALLOCATION_COLUMNS):
            placement = _placement(row, problems)
            if placement is None:
                continue
            first_line = first_lines.setdefault((placement.machine, placement.host), row.line)
            if first_line != row.line:
                problems.append(Problem(row.line, f": the same machine and host as line {first_line}"))
            placements.append(placement)
    if problems:
        raise refusal(source, problems, _next_step(source))
    return Allocation(placements=tuple(placements), source=source)


def collision(allocation: Allocation, first: str, second: str) -> LabError:
    """Return the error for two machines with one place, which a merge of two branches can cause."""
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
    return f"correct {source}; a machine whose line is deleted gets a free place"
