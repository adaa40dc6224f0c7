import pytest

from minetlab.errors import LabError
from minetlab.model import parse_roster

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJbL2fV0nEwVbXqf4oXQp0nbDq3xGkq1fYk0yXk2aBcD alice@laptop"


def test_reads_students_with_and_without_a_key():
    alice, bob = parse_roster(f"login,name,ssh_key\nalice,Alice Éloïse,{KEY}\n\nbob,Bob,\n", "students.csv")
    assert (alice.login, alice.name, alice.ssh_key) == ("alice", "Alice Éloïse", KEY)
    assert bob.ssh_key is None


def test_a_byte_order_mark_is_no_part_of_the_first_column():
    assert [student.login for student in parse_roster("\ufefflogin,name\nalice,Alice\n", "students.csv")] == [
        "alice"
    ]


def test_an_empty_roster_is_a_lab_without_students():
    assert parse_roster("login,name\n", "students.csv") == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name\nAlice\n", "line 1: no column login"),
        ("login,name,shoe size\na,A,42\n", "line 1: unknown column shoe size"),
        ("login,name\nalice,\n", "line 2, column name"),
        ("login,name\nAlice,Alice\n", "line 2, column login"),
        ("login,name\nroot,Root\n", "'root' is a system account's name"),
        ("login,name\nalice,A\nalice,B\n", "line 3, column login: 'alice' is there twice"),
        ("login,name,ssh_key\na,A,-----BEGIN OPENSSH PRIVATE KEY-----\n", "not an OpenSSH public key"),
        ("login,name\n../etc,X\n", "line 2, column login"),
    ],
)
def test_a_wrong_line_is_named(text, said):
    with pytest.raises(LabError) as error:
        parse_roster(text, "students.csv")
    assert said in str(error.value)
    assert error.value.next_step


def test_all_wrong_lines_are_named_at_once():
    with pytest.raises(LabError) as error:
        parse_roster("login,name\nAlice,A\nbob,B\nbob,\n", "students.csv")
    assert "line 2, column login" in error.value.problem
    assert "line 4, column name" in error.value.problem
