import base64
import subprocess

import pytest
from pydantic import ValidationError

from minetlab.lab import Student
from minetlab.lab.student import derive_login

BODY = "AAAAC3NzaC1lZDI1NTE5AAAAIJbL2fV0nEwVbXqf4oXQp0nbDq3xGkq1fYk0yXk2aBcD"


def student(key):
    return Student(login="alice", name="Alice", ssh_key=key)


@pytest.mark.parametrize("kind", [("ed25519",), ("rsa", "-b", "2048"), ("ecdsa", "-b", "384")])
def test_keys_of_ssh_keygen_are_taken(kind, tmp_path):
    subprocess.run(
        ["ssh-keygen", "-q", "-N", "", "-C", "Zoé's laptop", "-f", tmp_path / "k", "-t", *kind], check=True
    )
    public = (tmp_path / "k.pub").read_text()
    assert student(public.strip()).ssh_key == public.strip()


def test_a_key_may_have_no_comment_and_more_spaces():
    assert student(f" ssh-ed25519  {BODY} ").ssh_key == f"ssh-ed25519 {BODY}"


def rsa_of(bits):
    def string(data):
        return len(data).to_bytes(4) + data

    number = (1 << (bits - 1)) | 1
    # A number whose first bit is set would be negative: SSH puts a zero byte before it.
    blob = string(b"ssh-rsa") + string(b"\x01\x00\x01") + string(b"\0" + number.to_bytes(bits // 8))
    return base64.b64encode(blob).decode()


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("", "not an OpenSSH public key"),
        ("hello", "not an OpenSSH public key"),
        (f"ssh-dss {BODY}", "not an OpenSSH public key"),
        (f'command="sh" ssh-ed25519 {BODY}', "not an OpenSSH public key"),
        (f"ssh-ed25519 {BODY}\nssh-ed25519 {BODY}", "not an OpenSSH public key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "not an OpenSSH public key"),
        ("ssh-ed25519", "no ssh-ed25519 key can be read"),
        (f"ssh-rsa {BODY}", "no ssh-rsa key can be read"),
        (f"ssh-ed25519 {BODY[:-4]}", "no ssh-ed25519 key can be read"),
        (f"ssh-ed25519 {BODY}AAAA", "no ssh-ed25519 key can be read"),
        (f"ssh-ed25519 {BODY[:30]}-{BODY[30:]}", "no ssh-ed25519 key can be read"),
        (f"ssh-ed25519 {BODY[:30]} {BODY[30:]}", "no ssh-ed25519 key can be read"),
        (f"ssh-rsa {rsa_of(1000)}", "less than 1024 bits"),
    ],
)
def test_what_is_no_public_key_is_refused_without_being_repeated(key, said):
    with pytest.raises(ValidationError) as error:
        student(key)
    (problem,) = error.value.errors(include_input=False)
    assert said in problem["msg"]
    assert BODY[30:40] not in problem["msg"]


def test_the_shortest_rsa_key_that_sshd_takes_is_taken():
    key = f"ssh-rsa {rsa_of(1024)} alice at home"
    assert student(key).ssh_key == key
    with pytest.raises(ValidationError, match="less than 1024 bits"):
        student(f"ssh-rsa {rsa_of(1016)}")


def test_what_is_not_said_of_a_student_is_not_known_and_the_language_is_french():
    alice = Student(login="alice", name="Alice")
    assert alice.model_dump(exclude={"login", "name"}) == {
        "email": None,
        "ssh_key": None,
        "group": None,
        "language": "fr",
    }
    nothing = dict.fromkeys(("email", "ssh_key", "group"))
    assert Student.model_validate({"login": "alice", "name": "Alice", **nothing}) == alice


@pytest.mark.parametrize(
    "email", ["", "alice", "alice@", "alice@b@c", "alice@b c", "alice@b>", "al ice@b", "élise@b"]
)
def test_what_is_no_address_is_refused_without_being_repeated(email):
    with pytest.raises(ValidationError) as error:
        Student(login="alice", name="Alice", email=email)
    (problem,) = error.value.errors(include_input=False)
    assert problem["msg"] == "Value error, is no e-mail address, such as alice@example.org"


@pytest.mark.parametrize("login", ["a", "a1", "a-b", "a" * 31, "lab1"])
def test_logins_that_are_user_and_host_names(login):
    assert Student(login=login, name="A").login == login


@pytest.mark.parametrize("login", ["", "1a", "-a", "a-", "a_b", "A", "a" * 32, "é", "a\n", "lab", "sudo"])
def test_logins_that_cannot_be(login):
    with pytest.raises(ValidationError, match="login"):
        Student(login=login, name="A")


@pytest.mark.parametrize("field", ["name", "group"])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        (" \u00a0", "is empty"),
        ("a\u00adb", r"U\+00AD"),
        ("\x07", r"U\+0007"),
        ("a:b", "“:”"),
    ],
)
def test_names_that_cannot_be_printed_or_written_to_passwd(field, text, said):
    with pytest.raises(ValidationError, match=said):
        Student.model_validate({"login": "alice", "name": "Alice", field: text})


@pytest.mark.parametrize(
    ("name", "login"),
    [
        ("Alice Exemple", "alice-exemple"),
        ("Chloé Lefèvre", "chloe-lefevre"),
        ("Chloe\u0301 Lefe\u0300vre", "chloe-lefevre"),
        ("Jean-François D\N{RIGHT SINGLE QUOTATION MARK}Arc", "jean-francois-d-arc"),
        ("Œdipe Ærø Łukasz Strauß", "oedipe-aero-lukasz-strauss"),
        ("Iş\N{LATIN SMALL LETTER DOTLESS I}l", "isil"),
        ("  Zoé  (invitée) ", "zoe-invitee"),
        ("Maximilien François Marie Isidore de Robespierre", "maximilien-francois-marie-isido"),
        ("王伟", None),
        ("Иван", None),
        ("2Pac", None),
        ("", None),
        ("!", None),
    ],
)
def test_a_login_is_made_of_the_name(name, login):
    assert derive_login(name) == login
