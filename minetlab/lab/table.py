"""Read CSV files that people write by hand or export from a spreadsheet, and name every mistake by its line.

No message repeats the content of a cell, as somebody may have pasted a secret into it.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from minetlab.util.errors import LabError

SEPARATORS = ",;\t"
Lines = tuple[int, int]
"""The numbers of the first and the last line of a part of a file, counted from 1."""
SAVE_AS = "save the table as “CSV UTF-8”"


@dataclass(frozen=True, order=True)
class Problem:
    """A mistake in a file.

    :param line: the number of the line, counted from 1.
    :param message: what is wrong. It follows the line number, so it begins with ``:`` or ``, column``.
    """

    line: int
    message: str


@dataclass(frozen=True)
class Row:
    """A row of the table that is not empty.

    :param line: the number of its first line in the file.
    :param last: the number of its last line; another one if a cell holds line ends.
    :param cells: the cells that are not empty, by column, without spaces around them.
    """

    line: int
    last: int
    cells: dict[str, str]


@dataclass(frozen=True)
class Table:
    """A table, and the mistakes in it.

    :param columns: the allowed columns that the header names.
    :param header: all cells of the header, in lower case and in their order; some may be empty.
    :param header_line: the number of the first line of the header in the file.
    :param separator: the character between cells.
    :param rows: the rows below the header that are not empty.
    :param problems: the mistakes in it.
    """

    columns: tuple[str, ...]
    header: tuple[str, ...]
    header_line: int
    separator: str
    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]


def decode(data: bytes, source: str) -> str:
    """Decode the content of a UTF-8 file, with or without a byte order mark.

    :param data: the content of the file.
    :param source: the name of the file, for messages.
    :return: the text, without the byte order mark.
    :raises LabError: the file has another encoding, or is not a text file.
    """
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise LabError(f"{source} is a spreadsheet's own file, not CSV", next_step=SAVE_AS)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data:
        raise LabError(
            f"{source} is encoded in UTF-16, or is not a text: it has to be UTF-8", next_step=SAVE_AS
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise LabError(
            f"{source}, line {line}: a letter is not encoded in UTF-8, but perhaps in Latin-1",
            next_step=f"{SAVE_AS}; if it is Latin-1: iconv -f CP1252 -t UTF-8 {source}",
        ) from None


def read_table(text: str, allowed: Iterable[str], required: Iterable[str]) -> Table:
    """Read a table whose first line that is not empty names the columns.

    The separator is ``,``, ``;`` or a tab: whichever the header holds most often.

    :param text: the content of the file.
    :param allowed: the columns that the table may have.
    :param required: the columns that it must have.
    :return: the table, with the mistakes in it.
    """
    text = text.removeprefix("\ufeff")
    header_line = next((line for line in text.splitlines() if line.strip(f" {SEPARATORS}")), "")
    separator = max(SEPARATORS, key=header_line.count)
    file = io.StringIO(text, newline="")
    reader = csv.reader(file, delimiter=separator, skipinitialspace=separator != "\t", strict=True)
    problems: list[Problem] = []
    records = _records(reader, problems)
    (line, _), header = next(records, ((1, 1), []))
    header = [cell.casefold() for cell in header]
    problems += [Problem(line, message) for message in _wrong_header(header, tuple(allowed), tuple(required))]
    rows = tuple(_row(lines, header, cells, separator, problems) for lines, cells in records)
    columns = tuple(column for column in allowed if column in header)
    return Table(columns, tuple(header), line, separator, rows, tuple(problems))


def refusal(source: str, problems: Iterable[Problem], next_step: str) -> LabError:
    """Return one error that lists all problems of a file, ordered by line."""
    lines = (f"{source}, line {problem.line}{problem.message}" for problem in sorted(problems))
    return LabError("\n".join(lines), next_step=next_step)


def _records(reader: Iterator[list[str]], problems: list[Problem]) -> Iterator[tuple[Lines, list[str]]]:
    """Yield the cells of each row that is not empty, with the lines that the row has in the file."""
    line = 1
    try:
        for cells in reader:
            last: int = reader.line_num  # type: ignore[attr-defined]
            if any(stripped := [cell.strip() for cell in cells]):
                yield (line, last), stripped
            line = last + 1
    except csv.Error as error:
        problems.append(Problem(line, f': the quotes (") here do not match ({error})'))


def _wrong_header(header: list[str], allowed: tuple[str, ...], required: tuple[str, ...]) -> Iterator[str]:
    for column in required:
        if column not in header:
            yield f": no column {column}"
    columns = [column for column in header if column]
    for column in dict.fromkeys(columns):
        if column not in allowed:
            yield f": unknown column {column[:30]}; use only: {', '.join(allowed)}"
        elif columns.count(column) > 1:
            yield f": column {column} is there twice"


def _row(lines: Lines, header: list[str], cells: list[str], separator: str, problems: list[Problem]) -> Row:
    cells_by_column: dict[str, str] = {}
    for index, cell in enumerate(cells):
        column = header[index] if index < len(header) else ""
        if cell and column:
            cells_by_column[column] = cell
        elif cell:
            problems.append(
                Problem(lines[0], f": cell {index + 1} has no column; quote a cell that holds “{separator}”")
            )
    return Row(*lines, cells_by_column)
