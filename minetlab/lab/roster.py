"""The roster: who takes part."""

import re

from pydantic import ValidationError

from minetlab.lab.student import Student, derive_login
from minetlab.lab.table import Problem, Row, read_table, refusal
from minetlab.util.errors import LabError

COLUMNS = tuple(Student.model_fields)
# The last is what an OpenSSH private key begins with in base64, should its first line have been left out.
PRIVATE_KEY = re.compile(r"PRIVATE KEY|PuTTY-User-Key-File|b3BlbnNzaC1rZXktdjE")


def parse_roster(text: str, source: str) -> tuple[Student, ...]:
    """Read the roster.

    :param text: CSV with a header line that names at least ``name``, and perhaps more of a student's fields.
    :param source: the file's name, for messages.
    :raises LabError: with every problem found, each by line and column; of a private key, with its line only.
    """
    if private := PRIVATE_KEY.search(text):
        line = text.count("\n", 0, private.start()) + 1
        raise LabError(
            f"{source}, line {line}: this is a private key, not an OpenSSH public key",
            next_step="remove it; its owner makes another pair (ssh-keygen), as this one is not secret now, "
            "and gives the line of the .pub file only",
        )
    table = read_table(text, COLUMNS, required=("name",))
    problems = list(table.problems)
    students: list[Student] = []
    taken: dict[tuple[str, str], int] = {}
    for row in table.rows:
        fields = fields_of(row)
        if "login" not in fields and "name" in row.cells:
            problems.append(_problem(row, "login", "none can be made of this name: write one"))
        problems += _repeated(row, fields, taken)
        try:
            students.append(Student.model_validate(fields))
        except ValidationError as error:
            for each in error.errors(include_input=False):
                column = str(each["loc"][0])
                missing = each["type"] == "missing"
                if missing and (column == "login" or column not in table.columns):
                    continue  # said already
                said = "is empty" if missing else each["msg"].removeprefix("Value error, ")
                problems.append(_problem(row, column, said))
    if problems:
        raise refusal(source, problems, "correct these lines and run the command again")
    return tuple(students)


def fields_of(row: Row) -> dict[str, str]:
    """What the row says, without columns that no student has, and with a login if one can be derived."""
    fields = {column: cell for column, cell in row.cells.items() if column in COLUMNS}
    if "language" in fields:
        fields["language"] = fields["language"].casefold()
    if "login" not in fields and (login := derive_login(fields.get("name", ""))):
        fields["login"] = login
    return fields


def _repeated(row: Row, fields: dict[str, str], taken: dict[tuple[str, str], int]) -> list[Problem]:
    """What another student has already; a login is never changed to make it unique, as that would not last.

    :param taken: the line of each login and address so far; those of this row are added.
    """
    problems = []
    for column in ("login", "email"):
        key = column, fields.get(column, "").casefold()
        first = taken.setdefault(key, row.line)
        if not key[1] or first == row.line:
            continue
        if column in row.cells:
            said = f"the same as that of line {first}"
        else:
            said = (
                f"there is none, and {key[1]!r}, which the name gives, is that of line {first}: write one "
                "on both lines, and leave that one to whoever has had it"
            )
        problems.append(_problem(row, column, said))
    return problems


def _problem(row: Row, column: str, message: str) -> Problem:
    return Problem(row.line, f", column {column}: {message}")
