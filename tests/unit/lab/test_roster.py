import pytest
from hypothesis import given, strategies as st

from minetlab.lab import decode, parse_roster
from minetlab.util.errors import LabError

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJbL2fV0nEwVbXqf4oXQp0nbDq3xGkq1fYk0yXk2aBcD alice@laptop"
HEADER = "login,name,email,ssh_key,group,language\n"


def read(data):
    """As the inventory reads it: from the file's bytes."""
    return parse_roster(decode(data if isinstance(data, bytes) else data.encode(), "r.csv"), "r.csv")


def refused(data):
    with pytest.raises(LabError) as error:
        read(data)
    assert error.value.next_step
    return error.value.problem.splitlines()


def logins(data):
    return [student.login for student in read(data)]


def test_reads_all_that_is_said_of_a_student():
    (alice,) = read(f"{HEADER}alice,Alice Éloïse,alice@example.org,{KEY},Groupe 1,EN\n")
    assert alice.model_dump() == {
        "login": "alice",
        "name": "Alice Éloïse",
        "email": "alice@example.org",
        "ssh_key": KEY,
        "group": "Groupe 1",
        "language": "en",
    }


def test_only_the_name_has_to_be_there():
    (chloe,) = read("name\nChloé Lefèvre\n")
    assert (chloe.login, chloe.email, chloe.ssh_key, chloe.group) == ("chloe-lefevre", None, None, None)
    assert chloe.language == "fr"


ALICE_AND_ZOE = "login,name,group\r\nalice,Alice Éloïse,1\r\nzoe,Zoé,\r\n"


@pytest.mark.parametrize(
    "text",
    [
        ALICE_AND_ZOE,
        "\ufeff" + ALICE_AND_ZOE,
        ALICE_AND_ZOE.replace(",", ";"),
        ALICE_AND_ZOE.replace(",", "\t"),
        ALICE_AND_ZOE.replace("\r\n", "\n"),
        ALICE_AND_ZOE.replace("\r\n", "\r"),
        ALICE_AND_ZOE.replace("\r\n", ",,,\r\n"),
        ALICE_AND_ZOE.replace("\r\n", "\r\n\r\n,,\r\n"),
        "\n\n" + ALICE_AND_ZOE.rstrip(),
        ALICE_AND_ZOE.replace("Alice Éloïse", '"Alice Éloïse"').replace("login", '"login"'),
        ALICE_AND_ZOE.replace(",", " , ").replace("login", "Login "),
        ALICE_AND_ZOE.replace("Alice Éloïse", "  Alice\u00a0  E\u0301loi\u0308se"),
        ALICE_AND_ZOE.replace("zoe,Zoé,", "zoe,Zoé"),
    ],
    ids=[
        "CRLF",
        "BOM",
        "semicolons",
        "tabs",
        "LF",
        "CR",
        "trailing-separators",
        "empty-lines",
        "leading-lines",
        "quotes",
        "spaces",
        "decomposed",
        "short-row",
    ],
)
def test_what_editors_and_spreadsheets_write_is_read_alike(text):
    assert [(each.login, each.name, each.group) for each in read(text)] == [
        ("alice", "Alice Éloïse", "1"),
        ("zoe", "Zoé", None),
    ]


def test_a_cell_that_holds_the_separator_is_quoted():
    assert read('name,group\n"Alice Exemple","1, le matin"\n')[0].group == "1, le matin"


def test_an_empty_roster_is_a_lab_without_students():
    assert read("login,name\n") == ()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("", "line 1: no column name"),
        ("login\nalice\n", "line 1: no column name"),
        ("\nlogin,name,shoe size\na,A,42\n", "line 2: unknown column shoe size"),
        ("name,name\nA,B\n", "line 1: column name is there twice"),
        ("login,name\nalice,\n", "line 2, column name: is empty"),
        ("login,name\nAlice,Alice\n", "line 2, column login: has to be of lowercase"),
        ("login,name\na-,A\n", "line 2, column login"),
        (f"login,name\n{32 * 'a'},A\n", "line 2, column login"),
        ("login,name\nroot,Root\n", "'root' is a system account's name"),
        ("login,name\ngames,G\n", "'games' is a system account's name"),
        ("login,name\nalice,A\n\nalice,B\n", "line 4, column login: the same as that of line 2"),
        ("login,name\n../etc,X\n", "line 2, column login"),
        ("name\nAudio\n", "line 2, column login: 'audio' is a system account's name"),
        ("name\n王伟\n", "line 2, column login: none can be made of this name"),
        ("name\n3\n", "line 2, column login: none can be made of this name"),
        ("name\nJean Martin\nJEAN  MARTIN\n", "line 3, column login: there is none, and 'jean-martin'"),
        ("login,name\njean-martin,X\n,Jean Martin\n", "line 3, column login: there is none"),
        ("login,name\n,Jean Martin\njean-martin,X\n", "line 3, column login: the same as that of line 2"),
        ("name\nA\u200bB\n", "line 2, column name: holds the invisible character U+200B"),
        ("name\nA:B\n", "line 2, column name: holds a “:”"),
        ('name\n"A\nB"\nC,D\n', "line 4: cell 2 has no column"),
        ("login,name\na,Martin, Alice\n", "line 2: cell 3 has no column; quote a cell that holds “,”"),
        ("login,name,\na,A,b\n", "line 2: cell 3 has no column"),
        ('name\nA\n"B\nC\n', 'line 3: the quotes (") here do not match'),
        ('name\n"A" B\n', 'line 2: the quotes (") here do not match'),
        ("name,language\nA,de\n", "line 2, column language: Input should be 'fr' or 'en'"),
        ("name,email\nA,a@b@c\n", "line 2, column email: is no e-mail address"),
        ("name,email\nA,a@\n", "line 2, column email: is no e-mail address"),
        ("name,email\nA,a@x.org\nB,A@x.org\n", "line 3, column email: the same as that of line 2"),
        ("name\nAndré\n".encode("latin-1"), "r.csv, line 2: a letter is not encoded in UTF-8"),
        ("name\nAndré\n".encode("utf-16"), "r.csv is encoded in UTF-16"),
        ("name\nAndré\n".encode("utf-16-le"), "r.csv is encoded in UTF-16, or is not a text"),
        (b"PK\x03\x04\x14\x00", "r.csv is a spreadsheet's own file"),
    ],
)
def test_what_is_wrong_is_named_by_line_and_column(data, said):
    (problem,) = refused(data)
    assert said in problem


def test_everything_wrong_is_named_at_once_in_the_files_order():
    problems = refused(
        f"{HEADER.strip()},age\nAlice,A,a@,ssh-rsa AAAA,,de,7,8\nbob,B,,,,\nbob,,,,,\n,B:,,,,\n"
    )
    assert [problem.split(":")[0] for problem in problems] == [
        "r.csv, line 1",
        "r.csv, line 2, column email",
        "r.csv, line 2, column language",
        "r.csv, line 2, column login",
        "r.csv, line 2, column ssh_key",
        "r.csv, line 2",
        "r.csv, line 4, column login",
        "r.csv, line 4, column name",
        "r.csv, line 5, column name",
    ]


def test_without_a_column_for_names_the_rest_is_still_looked_at():
    assert refused("login,email\nAlice,a@\n") == [
        "r.csv, line 1: no column name",
        *refused("login,name,email\nAlice,A,a@\n"),
    ]


def test_after_a_row_with_a_mistake_the_others_are_read():
    assert refused("login,name,email\n,王伟,a@\nbob,B,\nBOB,C,\nbob,D,b@\n") == [
        "r.csv, line 2, column email: is no e-mail address, such as alice@example.org",
        "r.csv, line 2, column login: none can be made of this name: write one",
        *[each for each in refused("login,name\n\n\nBOB,C\n") if "has to be" in each],
        "r.csv, line 4, column login: the same as that of line 3",
        "r.csv, line 5, column email: is no e-mail address, such as alice@example.org",
        "r.csv, line 5, column login: the same as that of line 3",
    ]


def test_a_column_that_is_not_there_is_not_said_to_be_empty_in_each_line():
    assert refused("email\na@x.org\nb@x.org\n") == ["r.csv, line 1: no column name"]


def test_addresses_that_are_not_given_are_not_alike():
    assert [each.email for each in read("name,email\nA,\nB,\nC,c@x.org\n")] == [None, None, "c@x.org"]


@pytest.mark.parametrize(("before", "line"), [("", 2), ("alice,A,\n", 3), ("alice,A,\nbob,B,\n", 4)])
def test_a_private_key_is_found_in_its_line(before, line):
    (problem,) = refused(f"login,name,ssh_key\n{before}eve,E,-----BEGIN PRIVATE KEY-----\n")
    assert problem.startswith(f"r.csv, line {line}: this is a private key")
    (problem,) = refused(f"\nlogin,name,ssh_key\n{before}eve,E,-----BEGIN PRIVATE KEY-----\n")
    assert problem.startswith(f"r.csv, line {line + 1}: ")


SECRET = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"  # noqa: S105 - made up


@pytest.mark.parametrize(
    "text",
    [
        f"login,name,ssh_key\na,A,-----BEGIN OPENSSH PRIVATE KEY-----\n{SECRET}\n{SECRET}\n",
        f'name,ssh_key\nA,"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY-----"\n',
        f"name,ssh_key\nA,PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 1\n{SECRET}\n",
        f"name,ssh_key\nA,b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAA{SECRET}\n",
    ],
)
def test_a_private_key_is_refused_and_not_repeated(text):
    with pytest.raises(LabError) as error:
        read(text)
    assert "line 2: this is a private key" in error.value.problem
    assert SECRET not in str(error.value)


@pytest.mark.parametrize("column", ["login", "name", "email", "ssh_key", "group", "language"])
def test_no_message_repeats_a_cell(column):
    rows = {"name": "Alice", column: f":{SECRET}"}
    with pytest.raises(LabError) as error:
        read(f"{','.join(rows)}\n{','.join(rows.values())},{SECRET}\n")
    assert f"column {column}" in str(error.value)
    assert SECRET not in str(error.value)


@given(st.text())
def test_any_text_is_read_or_refused(text):
    try:
        parse_roster(text, "r.csv")
    except LabError as error:
        assert error.problem.startswith("r.csv, line ")


@given(st.binary())
def test_any_file_is_read_or_refused(data):
    try:
        read(data)
    except LabError as error:
        assert error.problem.startswith("r.csv")


NAMES = st.lists(st.sampled_from(["Éva", "Bo", "Chloé L", "Noël"]), unique=True, min_size=1)


@given(NAMES, st.data())
def test_a_derived_login_is_the_same_whoever_else_is_there(names, data):
    of = dict(zip(names, logins("name\n" + "\n".join(names) + "\n"), strict=True))
    some = data.draw(st.permutations(names))[: data.draw(st.integers(1, len(names)))]
    assert logins("name\n" + "\n".join(some) + "\n") == [of[name] for name in some]
