"""Passwords for the TP site: a file of mode 0600 for each account, with the password and its hash."""

import secrets
from dataclasses import dataclass, field
from pathlib import Path

import bcrypt

from minetlab.util.errors import LabError
from minetlab.util.files import lock_folder, make_folder, write_private
from minetlab.util.paths import state_dir

INSTRUCTOR_LOGIN = "formateur"
"""The instructor's login. A student may have the same: they use other pages, with another password file."""
# No letter looks like another one, and without vowels they form no words. 19 to the power of 20: 85 bits.
LETTERS, GROUPS, LENGTH = "bcdfghjkmnpqrstvwxz", 5, 4
# bcrypt's lowest cost: the web server hashes at each request, on hosts that may be emulated, and 85 bits are
# safe without more.
COST = 4


@dataclass(frozen=True)
class Account:
    """An account of the TP site.

    :param login: the name to log in with.
    :param password: in plain text.
    :param hashed: the password's bcrypt hash. It is kept in the file, as a new one would have another salt.
    """

    login: str
    password: str = field(repr=False)
    hashed: str = field(repr=False)

    @property
    def line(self) -> str:
        """The account's line in nginx's ``auth_basic_user_file``."""
        return f"{self.login}:{self.hashed}\n"


def student(lab: str, login: str) -> Account:
    """Return a student's account; the first call makes its password.

    :param lab: the lab's name.
    :param login: the student's login.
    :return: the account, with the same password until :func:`replace_student` is called.
    :raises LabError: the password's file cannot be written, or has wrong content.
    """
    return _account(_file(lab, "students", login), login)


def instructor(lab: str) -> Account:
    """Return the instructor's account; the first call makes its password."""
    return _account(_file(lab, "instructor"), INSTRUCTOR_LOGIN)


def replace_student(lab: str, login: str) -> None:
    """Give a student a new password."""
    file = _file(lab, "students", login)
    make_folder(file.parent, private=True)
    _write(file)


def replace_instructor(lab: str) -> None:
    """Give the instructor a new password."""
    file = _file(lab, "instructor")
    make_folder(file.parent, private=True)
    _write(file)


def _account(file: Path, login: str) -> Account:
    make_folder(file.parent, private=True)
    with lock_folder(file.parent):
        if not file.exists():
            _write(file)
    try:
        password, hashed = file.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        raise LabError(
            f"{file} does not hold a password and its hash",
            next_step="remove it: the next deploy makes another",
        ) from None
    return Account(login, password, hashed)


def _write(file: Path) -> None:
    groups = ("".join(secrets.choice(LETTERS) for _ in range(LENGTH)) for _ in range(GROUPS))
    password = "-".join(groups)
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(COST)).decode()
    write_private(file, f"{password}\n{hashed}\n")


def _file(lab: str, *names: str) -> Path:
    return state_dir().joinpath("labs", lab, "passwords", *names)
