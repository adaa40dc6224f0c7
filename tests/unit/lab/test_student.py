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


def rsa_1000_bits():
    def string(data):
        return len(data).to_bytes(4) + data

    number = (1 << 999) | 1
    # A number whose first bit is set would be negative: SSH puts a zero byte before it.
    blob = string(b"ssh-rsa") + string(b"\x01\x00\x01") + string(b"\0" + number.to_bytes(125))
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
        (f"ssh-rsa {rsa_1000_bits()}", "less than 1024 bits"),
    ],
)
def test_what_is_no_public_key_is_refused_without_being_repeated(key, said):
    with pytest.raises(ValidationError) as error:
        student(key)
    (problem,) = error.value.errors(include_input=False)
    assert said in problem["msg"]
    assert BODY[30:40] not in problem["msg"]


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
