"""Tables as people write them: CSV out of an editor or a spreadsheet. Every problem is told by line.

No message repeats what a cell holds: somebody may have pasted a secret into it.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from minetlab.util.errors import LabError

SEPARATORS = ",;\t"
Lines = tuple[int, int]
"""The first and the last of some lines of a file, from 1."""
SAVE_AS = "save the table as “CSV UTF-8”"


@dataclass(frozen=True, order=True)
class Problem:
    """Something wrong.

    :param line: of the file, from 1.
    """

    line: int
    message: str


@dataclass(frozen=True)
class Row:
    """A line of the table that is not empty.

    :param line: where it begins in the file.
    :param last: where it ends.
    :param cells: those that are not empty, by column, without the spaces around them.
    """

    line: int
    last: int
    cells: dict[str, str]


@dataclass(frozen=True)
class Table:
    """What was read, and what could not be.

    :param columns: those that the header names, among the ones that are known.
    :param header: all that it has, in its order; some may be empty.
    :param header_line: of the file, where it begins.
    """

    columns: tuple[str, ...]
    header: tuple[str, ...]
    header_line: int
    separator: str
    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]


def decode(data: bytes, source: str) -> str:
    """The text of a file in UTF-8, with or without a byte order mark.

    :param source: the file's name, for messages.
    :raises LabError: it is in another encoding, or no text at all.
    """
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise LabError(f"{source} is a spreadsheet's own file, not CSV", next_step=SAVE_AS)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data:
        raise LabError(f"{source} is encoded in UTF-16, or no text: it has to be UTF-8", next_step=SAVE_AS)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise LabError(
            f"{source}, line {line}: a letter is not encoded in UTF-8, but perhaps in Latin-1",
            next_step=f"{SAVE_AS}; if it is Latin-1: iconv -f CP1252 -t UTF-8 {source}",
        ) from None


def read_table(text: str, known: Iterable[str], required: Iterable[str]) -> Table:
    """Read a table whose first line names its columns, separated as that line is: by ``,``, ``;`` or tabs.

    :param known: the columns it may have.
    :param required: those it must have.
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
    problems += [Problem(line, said) for said in _wrong_header(header, tuple(known), tuple(required))]
    rows = tuple(_row(lines, header, cells, separator, problems) for lines, cells in records)
    columns = tuple(column for column in known if column in header)
    return Table(columns, tuple(header), line, separator, rows, tuple(problems))


def refusal(source: str, problems: Iterable[Problem], next_step: str) -> LabError:
    """All problems of a file as one error, in its order."""
    said = (f"{source}, line {each.line}{each.message}" for each in sorted(problems))
    return LabError("\n".join(said), next_step=next_step)


def _records(reader: Iterator[list[str]], problems: list[Problem]) -> Iterator[tuple[Lines, list[str]]]:
    """The lines that are not empty, with where they begin and end in the file: cells may span several."""
    line = 1
    try:
        for cells in reader:
            last: int = reader.line_num  # type: ignore[attr-defined]
            if any(stripped := [cell.strip() for cell in cells]):
                yield (line, last), stripped
            line = last + 1
    except csv.Error as error:
        problems.append(Problem(line, f': the quotes (") here do not match ({error})'))


def _wrong_header(header: list[str], known: tuple[str, ...], required: tuple[str, ...]) -> Iterator[str]:
    for column in required:
        if column not in header:
            yield f": no column {column}"
    named = [column for column in header if column]
    for column in dict.fromkeys(named):
        if column not in known:
            yield f": unknown column {column[:30]}; use only: {', '.join(known)}"
        elif named.count(column) > 1:
            yield f": column {column} is there twice"


def _row(lines: Lines, header: list[str], cells: list[str], separator: str, problems: list[Problem]) -> Row:
    row: dict[str, str] = {}
    for number, cell in enumerate(cells):
        column = header[number] if number < len(header) else ""
        if cell and column:
            row[column] = cell
        elif cell:
            problems.append(
                Problem(lines[0], f": cell {number + 1} has no column; quote a cell that holds “{separator}”")
            )
    return Row(*lines, row)
