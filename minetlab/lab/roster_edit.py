"""A student more, or a student less, in a roster's own text: every other byte stays as it is."""

import csv
import io
from collections.abc import Mapping

from minetlab.lab.roster import COLUMNS, fields_of, parse_roster
from minetlab.lab.student import Student
from minetlab.lab.table import Table, decode, read_table
from minetlab.util.errors import LabError

BOM = "\ufeff"


def added(data: bytes, source: str, fields: Mapping[str, str]) -> tuple[bytes, Student]:
    """The roster with a student at its end, written as its own first line is; and the student.

    :param data: the file's content.
    :param source: the file's name, for messages.
    :param fields: what is known of the student, by column.
    :raises LabError: the roster is wrong as it is, has no column for a field, or would be wrong with the
        student; the message is that of :func:`minetlab.lab.roster.parse_roster`.
    """
    text, table, students = _read(data, source)
    if lacking := [column for column in fields if column not in table.columns]:
        raise LabError(
            f"{source} has no column {', '.join(lacking)}",
            next_step=f"add it to the first line, line {table.header_line}, or leave it out",
        )
    lines = _lines(text)
    end = _line_end(lines)
    row = _written([fields.get(column, "") for column in table.header], table, lines)
    # A file whose last line has no end keeps that, too.
    new = f"{text}{row}{end}" if lines[-1].endswith(("\n", "\r")) else f"{text}{end}{row}"
    try:
        after = parse_roster(new.removeprefix(BOM), f"{source} with this student")
    except LabError as error:
        raise LabError(error.problem, next_step="nothing was written: correct that, and add again") from None
    (student,) = (each for each in after if each not in students)
    return new.encode(), student


def removed(data: bytes, source: str, login: str) -> bytes:
    """The roster without the line of a student, or the lines, where one of their cells spans several.

    :param data: the file's content.
    :param source: the file's name, for messages.
    :raises LabError: the roster is wrong, or has no such student.
    """
    text, table, _ = _read(data, source)
    row = next((each for each in table.rows if fields_of(each)["login"] == login), None)
    if row is None:
        raise LabError(
            f"{source} has no student {login!r}",
            next_step="their login is in its lines, or made of their name",
        )
    lines = _lines(text)
    before, after = lines[: row.line - 1], lines[row.last :]
    if not after and not lines[-1].endswith(("\n", "\r")):
        before[-1] = before[-1].rstrip("\r\n")
    return "".join([*before, *after]).encode()


def _read(data: bytes, source: str) -> tuple[str, Table, tuple[Student, ...]]:
    """The text, byte order mark and all, and what it says.

    :raises LabError: it is wrong.
    """
    text = decode(data, source)
    students = parse_roster(text, source)
    table = read_table(text, COLUMNS, required=("name",))
    return data.decode(), table, students


def _lines(text: str) -> list[str]:
    """The lines with their ends, as the csv module counts them; ``str.splitlines`` knows more ends."""
    return list(io.StringIO(text, newline=""))


def _line_end(lines: list[str]) -> str:
    """How the file's last line with an end ends."""
    ends = [line[len(line.rstrip("\r\n")) :] for line in lines]
    return next(filter(None, reversed(ends)), "\n")


def _written(cells: list[str], table: Table, lines: list[str]) -> str:
    """One line, its cells quoted where they have to be, or all of them where those of the first line are."""
    header = lines[table.header_line - 1].removeprefix(BOM).strip()
    bare = next(csv.reader([header], delimiter=table.separator, quoting=csv.QUOTE_NONE))
    all_quoted = all(cell.startswith('"') and cell.endswith('"') for cell in map(str.strip, bare) if cell)
    written = io.StringIO()
    csv.writer(
        written,
        delimiter=table.separator,
        quoting=csv.QUOTE_ALL if all_quoted else csv.QUOTE_MINIMAL,
        lineterminator="",
    ).writerow(cells)
    return written.getvalue()
