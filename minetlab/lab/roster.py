"""Parse the roster, the CSV file that lists the students."""

import re
from collections.abc import Iterator

from pydantic import ValidationError

from minetlab.lab.student import Student, derive_login
from minetlab.lab.table import Problem, Row, Table, read_table, refusal
from minetlab.util.errors import LabError

ROSTER_COLUMNS = tuple(Student.model_fields)
# The last alternative is how an OpenSSH private key begins in base64, in case its header line is missing.
PRIVATE_KEY = re.compile(r"PRIVATE KEY|PuTTY-User-Key-File|b3BlbnNzaC1rZXktdjE")


def parse_roster(text: str, source: str) -> tuple[Student, ...]:
    """Parse and check the content of a roster.

    :param text: CSV with a header line; the column ``name`` is required, the other fields of
        :class:`~minetlab.lab.student.Student` are optional.
    :param source: the name of the file, for messages.
    :return: the students, in the order of the file.
    :raises LabError: the file has mistakes; the message lists all of them, with line and column. If it holds
        a private key, the message says only in which line.
    """
    if private := PRIVATE_KEY.search(text):
        line = text.count("\n", 0, private.start()) + 1
        raise LabError(
            f"{source}, line {line}: this is a private key, not an OpenSSH public key",
            next_step="remove it: it is no longer secret, so its owner has to make a new pair (ssh-keygen) "
            "and give only the line of the .pub file",
        )
    table = read_table(text, ROSTER_COLUMNS, required=("name",))
    problems = list(table.problems)
    students: list[Student] = []
    first_lines: dict[tuple[str, str], int] = {}
    for row in table.rows:
        fields = fields_of(row)
        if "login" not in fields and "name" in row.cells:
            problems.append(_problem(row, "login", "none can be made of this name: write one"))
        problems += _duplicates(row, fields, first_lines)
        try:
            students.append(Student.model_validate(fields))
        except ValidationError as error:
            problems += _invalid_fields(row, table, error)
    if problems:
        raise refusal(source, problems, "correct these lines and run the command again")
    return tuple(students)


def fields_of(row: Row) -> dict[str, str]:
    """Return the student's fields in a row; an empty login is derived from the name if possible."""
    fields = {column: cell for column, cell in row.cells.items() if column in ROSTER_COLUMNS}
    if "language" in fields:
        fields["language"] = fields["language"].casefold()
    if "login" not in fields and (login := derive_login(fields.get("name", ""))):
        fields["login"] = login
    return fields


def _invalid_fields(row: Row, table: Table, error: ValidationError) -> Iterator[Problem]:
    for field_error in error.errors(include_input=False):
        column = str(field_error["loc"][0])
        if field_error["type"] != "missing":
            yield _problem(row, column, field_error["msg"].removeprefix("Value error, "))
        # A missing login or column has been reported already.
        elif column != "login" and column in table.columns:
            yield _problem(row, column, "is empty")


def _duplicates(row: Row, fields: dict[str, str], first_lines: dict[tuple[str, str], int]) -> list[Problem]:
    """Return a problem for each login or e-mail address that an earlier line of the roster has.

    A login is never changed to make it unique, as it would then depend on who else is in the roster.

    :param row: the row to check.
    :param fields: the student's fields in it.
    :param first_lines: the first line of each login and address so far; those of this row are added.
    :return: the problems of this row.
    """
    problems = []
    for column in ("login", "email"):
        value = fields.get(column, "").casefold()
        first_line = first_lines.setdefault((column, value), row.line)
        if not value or first_line == row.line:
            continue
        if column in row.cells:
            message = f"the same as that of line {first_line}"
        else:
            message = (
                f"there is none, and {value!r}, made of the name, is that of line {first_line}: write a "
                "login in both lines, and let whoever had this one before keep it"
            )
        problems.append(_problem(row, column, message))
    return problems


def _problem(row: Row, column: str, message: str) -> Problem:
    return Problem(row.line, f", column {column}: {message}")
