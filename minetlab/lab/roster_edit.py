"""Add a student to the text of a roster, or remove one, and keep every other byte as it is."""

import csv
import io
from collections.abc import Mapping

from minetlab.lab.roster import ROSTER_COLUMNS, fields_of, parse_roster
from minetlab.lab.student import Student
from minetlab.lab.table import Table, decode, read_table
from minetlab.util.errors import LabError

BOM = "\ufeff"


def add_student(data: bytes, source: str, fields: Mapping[str, str]) -> tuple[bytes, Student]:
    """Append a student to a roster, in the style of its header line.

    :param data: the content of the roster.
    :param source: the name of the file, for messages.
    :param fields: the student's fields, by column.
    :return: the new content of the roster, and the new student.
    :raises LabError: the roster has mistakes, has no column for a field, or would have mistakes with the new
        student; see :func:`minetlab.lab.roster.parse_roster`.
    """
    text, table, students = _read(data, source)
    if missing := [column for column in fields if column not in table.columns]:
        raise LabError(
            f"{source} has no column {', '.join(missing)}",
            next_step=f"add it to the first line, line {table.header_line}, or leave it out",
        )
    lines = _lines(text)
    line_end = _line_end(lines)
    row = _format_row([fields.get(column, "") for column in table.header], table, lines)
    # A file that does not end with a line end gets none at its new end either.
    new_text = f"{text}{row}{line_end}" if lines[-1].endswith(("\n", "\r")) else f"{text}{line_end}{row}"
    try:
        new_students = parse_roster(new_text.removeprefix(BOM), f"{source} with this student")
    except LabError as error:
        raise LabError(error.problem, next_step="nothing was written: correct that, and add again") from None
    (added,) = (student for student in new_students if student not in students)
    return new_text.encode(), added


def remove_student(data: bytes, source: str, login: str) -> bytes:
    """Remove a student's line from a roster, or lines if a cell of theirs holds line ends.

    :param data: the content of the roster.
    :param source: the name of the file, for messages.
    :param login: the login of the student, written in the roster or derived from the name.
    :return: the new content of the roster.
    :raises LabError: the roster has mistakes, or has no such student.
    """
    text, table, _ = _read(data, source)
    row = next((row for row in table.rows if fields_of(row)["login"] == login), None)
    if row is None:
        raise LabError(
            f"{source} has no student {login!r}",
            next_step="give a login that is in the roster, or that is made of a name there",
        )
    lines = _lines(text)
    before, after = lines[: row.line - 1], lines[row.last :]
    # A file that did not end with a line end does not get one.
    if not after and not lines[-1].endswith(("\n", "\r")):
        before[-1] = before[-1].rstrip("\r\n")
    return "".join([*before, *after]).encode()


def _read(data: bytes, source: str) -> tuple[str, Table, tuple[Student, ...]]:
    """Parse a roster in both ways that an edit needs.

    :param data: the content of the roster.
    :param source: the name of the file, for messages.
    :return: the text with its byte order mark, if it has one; the table in it; the students.
    :raises LabError: the roster has mistakes.
    """
    text = decode(data, source)
    students = parse_roster(text, source)
    table = read_table(text, ROSTER_COLUMNS, required=("name",))
    return data.decode(), table, students


def _lines(text: str) -> list[str]:
    """Split a text into lines with their ends, as the csv module does; ``str.splitlines`` knows more ends."""
    return list(io.StringIO(text, newline=""))


def _line_end(lines: list[str]) -> str:
    """Return the line end of the last line that has one."""
    line_ends = [line[len(line.rstrip("\r\n")) :] for line in lines]
    return next(filter(None, reversed(line_ends)), "\n")


def _format_row(cells: list[str], table: Table, lines: list[str]) -> str:
    """Format one line of CSV; all cells are quoted if all of the header are, else only where necessary."""
    header = lines[table.header_line - 1].removeprefix(BOM).strip()
    header_cells = next(csv.reader([header], delimiter=table.separator, quoting=csv.QUOTE_NONE))
    columns = filter(None, map(str.strip, header_cells))
    all_quoted = all(column.startswith('"') and column.endswith('"') for column in columns)
    file = io.StringIO()
    csv.writer(
        file,
        delimiter=table.separator,
        quoting=csv.QUOTE_ALL if all_quoted else csv.QUOTE_MINIMAL,
        lineterminator="",
    ).writerow(cells)
    return file.getvalue()
