"""The roster: who takes part."""

import csv
import re
from collections.abc import Iterator
from typing import Annotated

from pydantic import StringConstraints, ValidationError, field_validator

from minetlab.errors import LabError
from minetlab.model.base import Frozen

# A login becomes a Linux user, a host name (RFC 1123) and part of domain names.
Login = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
RESERVED_LOGINS = frozenset({"root", "daemon", "bin", "sys", "nobody", "lab", "docker", "sshd", "demo"})
SSH_KEY = re.compile(
    r"^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp\d+|sk-[a-z0-9@.-]+) [A-Za-z0-9+/]{40,}={0,3}( .*)?$"
)
COLUMNS = ("login", "name", "ssh_key")


class Student(Frozen):
    """One row of the roster.

    :param login: user name on the guest, and part of the names of the student's guest and containers.
    :param name: as it is printed, accents and all.
    :param ssh_key: the student's own public key (one ``authorized_keys`` line); None: a pair is generated.
    """

    login: Login
    name: Annotated[str, StringConstraints(min_length=1)]
    ssh_key: str | None = None

    @field_validator("login")
    @classmethod
    def is_not_reserved(cls, value: str) -> str:
        """Refuse names that a Debian system already uses."""
        if value in RESERVED_LOGINS:
            raise ValueError(f"{value!r} is a system account's name")
        return value

    @field_validator("ssh_key")
    @classmethod
    def is_public_key(cls, value: str | None) -> str | None:
        """Refuse anything but one line of a public key; above all a private one."""
        if value is not None and not SSH_KEY.match(value):
            raise ValueError("not an OpenSSH public key")
        return value


def parse_roster(text: str, source: str) -> tuple[Student, ...]:
    """Read the roster.

    :param text: CSV with a header line naming at least ``login`` and ``name``, and perhaps ``ssh_key``.
    :param source: the file's name, for messages.
    :raises LabError: with every problem found, each by line and column.
    """
    reader = csv.DictReader(text.lstrip("\ufeff").splitlines(), skipinitialspace=True)
    header = reader.fieldnames or []
    if missing := {"login", "name"} - set(header):
        raise LabError(
            f"{source}, line 1: no column {', '.join(sorted(missing))}",
            next_step=f"start the file with the header line: {','.join(COLUMNS)}",
        )
    if unknown := set(header) - set(COLUMNS):
        raise LabError(
            f"{source}, line 1: unknown column {', '.join(sorted(unknown))}",
            next_step=f"use only these columns: {', '.join(COLUMNS)}",
        )
    students: dict[str, Student] = {}
    problems: list[str] = []
    for line, row in _rows(reader):
        try:
            student = Student.model_validate({key: value for key, value in row.items() if value})
        except ValidationError as error:
            problems += [
                f"{source}, line {line}, column {'.'.join(map(str, each['loc']))}: {each['msg']}"
                for each in error.errors()
            ]
            continue
        if student.login in students:
            problems.append(f"{source}, line {line}, column login: {student.login!r} is there twice")
        students[student.login] = student
    if problems:
        raise LabError("\n".join(problems), next_step="correct these lines and run the command again")
    return tuple(students.values())


def _rows(reader: "csv.DictReader[str]") -> Iterator[tuple[int, dict[str, str | None]]]:
    for row in reader:
        if any(row.values()):
            yield reader.line_num, {key: _stripped(value) for key, value in row.items() if key is not None}


def _stripped(value: str | None) -> str | None:
    return value.strip() if value is not None else None
