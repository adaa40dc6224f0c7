"""A student more or less in a roster's own text: whatever the file looks like, its other bytes stay."""

from itertools import takewhile

import pytest
from hypothesis import assume, given, strategies as st

from minetlab.lab import decode, parse_roster
from minetlab.lab.roster_edit import add_student, remove_student
from minetlab.util.errors import LabError

CHLOE = {"name": "Chloé Lefèvre", "email": "chloe@example.org", "group": "Groupe 2"}
WORDS = st.text(
    st.characters(categories=["L", "N", "P", "Zs"], exclude_characters=":"), min_size=1, max_size=8
)


def logins(data: bytes) -> list[str]:
    return [student.login for student in parse_roster(decode(data, "r.csv"), "r.csv")]


@st.composite
def rosters(draw: st.DrawFn) -> bytes:
    """Rosters as editors and spreadsheets save them."""
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    separator = draw(st.sampled_from(",;\t"))
    quote = draw(st.sampled_from(['"', ""]))
    more = draw(st.lists(st.sampled_from(["email", "ssh_key", "language", "group"]), unique=True))
    columns = draw(st.permutations(["login", "name", *more]))
    rows = [columns]
    for number in range(draw(st.integers(0, 4))):
        cells = {"login": f"s{number}", "name": f"Élève {number}", "language": "fr"}
        cells["group"] = draw(st.sampled_from(["", "a b", f"a{separator}b", "with\nline", 'a "b"']))
        rows.append([cells.get(column, "") for column in columns])
    ugly = {separator, '"', "\n"}

    def cell(text: str) -> str:
        needed = quote or ('"' if ugly & set(text) else "")
        doubled = text.replace('"', '""')
        return f"{needed}{doubled}{needed}" if needed else text

    lines = [separator.join(map(cell, row)) for row in rows]
    for position in draw(st.lists(st.integers(0, len(lines)), max_size=2)):
        lines.insert(position, draw(st.sampled_from(["", "  ", separator * 2])))
    text = end.join(lines) + draw(st.sampled_from(["", end, end * 3]))
    return (draw(st.sampled_from(["", "\ufeff"])) + text).encode()


@given(rosters(), WORDS, st.sampled_from(["new", "n-1"]))
def test_adding_then_removing_gives_the_same_bytes(roster: bytes, name: str, login: str) -> None:
    try:
        after, student = add_student(roster, "r.csv", {"login": login, "name": name})
    except LabError:
        assume(False)
    assert logins(after) == [*logins(roster), login]
    assert student.login == login
    assert after.startswith(roster.rstrip(b"\r\n"))
    assert remove_student(after, "r.csv", login) == roster


@given(rosters(), st.data())
def test_all_other_lines_stay_byte_for_byte(roster: bytes, data: st.DataObject) -> None:
    there = logins(roster)
    assume(there)
    gone = data.draw(st.sampled_from(there))
    after = remove_student(roster, "r.csv", gone)
    assert logins(after) == [each for each in there if each != gone]
    alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(roster, after, strict=False)))
    assert roster.endswith(after[alike:])  # only one piece is gone


@pytest.mark.parametrize(
    ("roster", "line"),
    [
        (b"name,email,group\n", b"Chlo\xc3\xa9 Lef\xc3\xa8vre,chloe@example.org,Groupe 2\n"),
        (b"group;name;email\r\n", b"Groupe 2;Chlo\xc3\xa9 Lef\xc3\xa8vre;chloe@example.org\r\n"),
        (b'"name","email","group"\n', b'"Chlo\xc3\xa9 Lef\xc3\xa8vre","chloe@example.org","Groupe 2"\n'),
        (b"name\temail\tgroup\tlanguage", b"\nChlo\xc3\xa9 Lef\xc3\xa8vre\tchloe@example.org\tGroupe 2\t"),
        (b"\xef\xbb\xbfname,,email,group,\r", b"Chlo\xc3\xa9 Lef\xc3\xa8vre,,chloe@example.org,Groupe 2,\r"),
    ],
)
def test_the_new_line_is_written_as_the_first_one_is(roster: bytes, line: bytes) -> None:
    after, student = add_student(roster, "r.csv", CHLOE)
    assert after == roster + line
    assert student.login == "chloe-lefevre"


@pytest.mark.parametrize(
    ("roster", "fields", "said"),
    [
        (b"name\nAlice\n", CHLOE, "r.csv has no column email, group"),
        (b"name,login\nAlice,Alice\n", {"name": "Bob"}, "r.csv, line 2, column login: has to be"),
        (b"name\nBob\n", {"name": "Bob"}, "r.csv with this student, line 3, column login: there is none"),
        (b"name\nBob\n", {"name": "\u5f20"}, "column login: none can be made of this name"),
        (b"name,email\n", {"name": "Bob", "email": "bob"}, "line 2, column email: is no e-mail address"),
        (b"name,language\n", {"name": "Bob", "language": "de"}, "column language"),
        (
            b"name,ssh_key\n",
            {"name": "Bob", "ssh_key": "-----BEGIN OPENSSH PRIVATE KEY-----\nabc"},
            "private",
        ),
    ],
)
def test_what_would_be_wrong_is_refused(roster: bytes, fields: dict[str, str], said: str) -> None:
    with pytest.raises(LabError) as error:
        add_student(roster, "r.csv", fields)
    assert said in error.value.problem
    assert error.value.next_step
    assert "abc" not in str(error.value)


def test_a_student_who_is_not_there_is_not_removed() -> None:
    with pytest.raises(LabError, match=r"r\.csv has no student 'eve'"):
        remove_student(b"name\nAlice\n", "r.csv", "eve")


def test_a_login_that_is_made_of_the_name_removes_its_line() -> None:
    assert remove_student("name\nChloé Lefèvre\nBob".encode(), "r.csv", "chloe-lefevre") == b"name\nBob"


@pytest.mark.parametrize(
    ("roster", "after"),
    [
        (b"name\nAlice\nBob\n", b"name\nAlice\n"),
        (b"name\nAlice\nBob", b"name\nAlice"),
        (b"name\r\nAlice\r\nBob", b"name\r\nAlice"),
        (b"name\nBob\nAlice", b"name\nAlice"),
        (b'name,group\nBob,"a\nb"\nAlice,1\n', b"name,group\nAlice,1\n"),
        (b"\nname\n\nBob\n\n", b"\nname\n\n\n"),
        (b"name\rBob\r", b"name\r"),
    ],
)
def test_only_the_lines_of_that_student_go(roster: bytes, after: bytes) -> None:
    assert remove_student(roster, "r.csv", "bob") == after


@pytest.mark.parametrize(
    ("roster", "after"),
    [
        (b"\n\nname;group\nAlice;1\n", b"\n\nname;group\nAlice;1\nBob;\n"),
        (b'\n"name","group"\nAlice,1\n', b'\n"name","group"\nAlice,1\n"Bob",""\n'),
        (b'"name",group\n', b'"name",group\nBob,\n'),
        (b'\xef\xbb\xbf"name","group",\n', b'\xef\xbb\xbf"name","group",\n"Bob","",""\n'),
        (b"name\r\nAlice\n", b"name\r\nAlice\nBob\n"),
        (b"name", b"name\nBob"),
        (b"name\rAlice", b"name\rAlice\rBob"),
    ],
)
def test_a_line_is_added_with_the_quotes_of_the_header_and_the_line_end_of_the_last_line(
    roster: bytes, after: bytes
) -> None:
    assert add_student(roster, "r.csv", {"name": "Bob"})[0] == after


def test_a_column_that_is_missing_is_to_be_added_in_the_headers_line() -> None:
    with pytest.raises(LabError) as error:
        add_student(b"\n\nname\n", "r.csv", {"name": "Bob", "group": "1"})
    assert error.value.problem == "r.csv has no column group"
    assert error.value.next_step == "add it to the first line, line 3, or leave it out"


def test_the_new_student_is_returned_whoever_is_there() -> None:
    _, student = add_student(b"name,group\nAlice,1\nEve,2\n", "r.csv", {"name": "Bob", "group": "1"})
    assert (student.login, student.group) == ("bob", "1")
