"""Passwords for the TP site: strong, readable, made once, hashed once, and nobody else's to read."""

import math
import re
import stat
from pathlib import Path

import bcrypt
import pytest

from minetlab.secrets import passwords
from minetlab.util.errors import LabError


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path))
    return tmp_path


def test_they_are_strong_and_cannot_be_misread() -> None:
    found = [passwords.student("minet", f"s{each}").password for each in range(20)]
    assert len(set(found)) == 20
    for password in found:
        assert re.fullmatch(r"([a-z]{4}-){4}[a-z]{4}", password)
        assert not set(password) & set("0O1loiaeuy")
    assert math.log2(len(passwords.LETTERS) ** (passwords.GROUPS * passwords.LENGTH)) >= 80
    letters = set("".join(found)) - {"-"}
    assert letters == set(passwords.LETTERS)


def test_each_is_made_once_and_its_hash_too() -> None:
    first = passwords.student("minet", "alice")
    assert passwords.student("minet", "alice") == first
    assert bcrypt.checkpw(first.password.encode(), first.hashed.encode())
    others = (
        passwords.student("minet", "bob"),
        passwords.student("other", "alice"),
        passwords.instructor("minet"),
        passwords.student("minet", passwords.INSTRUCTOR_LOGIN),
    )
    assert len({first.password, *(each.password for each in others)}) == 5
    assert passwords.instructor("minet") == others[2]


def test_one_is_replaced_and_the_others_stay() -> None:
    old, bob = passwords.student("minet", "alice"), passwords.student("minet", "bob")
    passwords.replace_student("minet", "alice")
    new = passwords.student("minet", "alice")
    assert new.password != old.password
    assert bcrypt.checkpw(new.password.encode(), new.hashed.encode())
    assert passwords.student("minet", "bob") == bob


def test_only_their_owner_can_read_them(state: Path) -> None:
    passwords.replace_student("minet", "alice")
    passwords.student("minet", "bob")
    passwords.instructor("minet")
    folder = state / "labs" / "minet" / "passwords"
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert {str(file.relative_to(folder)) for file in files} == {
        "students/alice",
        "students/bob",
        "instructor",
    }
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert {stat.S_IMODE(each.stat().st_mode) for each in (folder, folder / "students")} == {0o700}


def test_the_instructor_gets_another_one() -> None:
    old, alices = passwords.instructor("minet"), passwords.student("minet", "alice")
    passwords.replace_instructor("minet")
    assert passwords.instructor("minet").password != old.password
    assert passwords.student("minet", "alice") == alices


def test_they_are_not_shown_where_an_account_is() -> None:
    account = passwords.student("minet", "alice")
    assert "alice" in repr(account)
    assert not [secret for secret in (account.password, account.hashed) if secret in repr(account)]


def test_a_spoilt_file_is_said_and_not_taken_for_a_password(state: Path) -> None:
    file = state / "labs" / "minet" / "passwords" / "students" / "alice"
    passwords.student("minet", "alice")
    file.write_text("secret\n")
    with pytest.raises(LabError, match=rf"{file} does not hold a password.*\n.*remove it") as refused:
        passwords.student("minet", "alice")
    assert "secret" not in str(refused.value)
