"""Passwords for the TP site, each student's and the instructor's: files of mode 0600, each with the hash."""

import secrets
from dataclasses import dataclass, field
from pathlib import Path

import bcrypt

from minetlab.util.errors import LabError
from minetlab.util.files import alone, make_folder, write_private
from minetlab.util.paths import state_dir

INSTRUCTOR = "formateur"
"""The account's name; a student of that login is let in elsewhere, so the two never meet."""
# None that is taken for another, and no vowel: no word comes of them. 19 to the power of 20 are 85 bits.
LETTERS, GROUPS, LENGTH = "bcdfghjkmnpqrstvwxz", 5, 4
# bcrypt's lowest: the web server hashes at each request, on hosts that may be emulated. 85 bits need no more.
COST = 4


@dataclass(frozen=True)
class Account:
    """An account of the TP site.

    :param hashed: the password's bcrypt hash, the same at each call: its salt is kept with it.
    """

    login: str
    password: str = field(repr=False)
    hashed: str = field(repr=False)

    @property
    def line(self) -> str:
        """Of the file by which nginx knows it: ``auth_basic_user_file``."""
        return f"{self.login}:{self.hashed}\n"


def student(lab: str, login: str) -> Account:
    """A student's account; its password is made at the first call, and the same until it is replaced.

    :raises LabError: its file cannot be written, or read.
    """
    return _account(_student(lab, login), login)


def instructor(lab: str) -> Account:
    """The instructor's account, made in the same way."""
    return _account(_passwords_of(lab) / "instructor", INSTRUCTOR)


def replace_student(lab: str, login: str) -> None:
    """Have another password be the student's."""
    file = _student(lab, login)
    make_folder(file.parent, private=True)
    _write(file)


def _account(file: Path, login: str) -> Account:
    make_folder(file.parent, private=True)
    with alone(file.parent):
        if not file.exists():
            _write(file)
    try:
        password, hashed = file.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        raise LabError(
            f"{file} is no password with its hash", next_step="remove it: the next deploy makes another"
        ) from None
    return Account(login, password, hashed)


def _write(file: Path) -> None:
    groups = ("".join(secrets.choice(LETTERS) for _ in range(LENGTH)) for _ in range(GROUPS))
    password = "-".join(groups)
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(COST)).decode()
    write_private(file, f"{password}\n{hashed}\n")


def _student(lab: str, login: str) -> Path:
    return _passwords_of(lab) / "students" / login


def _passwords_of(lab: str) -> Path:
    return state_dir() / "labs" / lab / "passwords"
