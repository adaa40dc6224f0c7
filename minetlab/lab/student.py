"""A student, as one row of the roster describes them."""

import re
import unicodedata
from email.errors import MessageError
from email.headerregistry import Address
from typing import Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_ssh_public_key
from pydantic import field_validator

from minetlab.lab.base import Frozen

# A login is a Linux user name, a host name (RFC 1123) and part of the names of libvirt domains.
LOGIN = re.compile(r"[a-z]([a-z0-9-]{0,29}[a-z0-9])?")
LONGEST_LOGIN = 31
# Users and groups that exist on the machines: those of Debian's base-passwd (passwd.master, group.master), of
# the guests' packages, and of the lab. useradd refuses a user with the name of an existing group.
RESERVED_LOGINS = frozenset(
    re.findall(
        r"\S+",
        """
        root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc nobody nogroup
        adm tty disk kmem dialout fax voice cdrom floppy tape sudo audio dip operator src shadow utmp video
        sasl plugdev staff users crontab input kvm render messagebus polkitd sshd libvirt docker
        localhost lab demo
        """,
    )
)
# Letters that Unicode does not decompose into letters a-z.
LATIN = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ŧ": "t"}
    | {"\N{LATIN SMALL LETTER DOTLESS I}": "i"}
)
SSH_KEY_TYPES = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
# sshd_config(5), RequiredRSASize: shorter keys are ignored.
SHORTEST_RSA = 1024


class Student(Frozen):
    """One row of the roster.

    :param login: the user name on the guest, and part of the names of the student's guest and containers.
    :param name: the full name as it is printed, with accents.
    :param email: the e-mail address.
    :param ssh_key: the student's own public key, as one line of ``authorized_keys``; None: the lab generates
        a key pair.
    :param group: the student's group in the course, as it is printed.
    :param language: the language of the texts that the student reads.
    """

    login: str
    name: str
    email: str | None = None
    ssh_key: str | None = None
    group: str | None = None
    language: Literal["fr", "en"] = "fr"

    @field_validator("login")
    @classmethod
    def is_free_user_and_host_name(cls, value: str) -> str:
        """Refuse a login that is not a valid user and host name, or that a Debian system already uses."""
        if not LOGIN.fullmatch(value):
            raise ValueError(
                f"has to be of lowercase letters a-z, digits and hyphens, at most {LONGEST_LOGIN} in all; "
                "it begins with a letter and does not end with a hyphen"
            )
        if value in RESERVED_LOGINS:
            raise ValueError(f"{value!r} is a system account's name")
        return value

    @field_validator("name", "group")
    @classmethod
    def is_printable(cls, value: str | None) -> str | None:
        """Normalize accents and spaces; refuse invisible characters, and ``:``, as passwd(5) does."""
        if value is None:
            return None
        value = unicodedata.normalize("NFC", " ".join(value.split()))
        if not value:
            raise ValueError("is empty")
        if invisible := next((letter for letter in value if not letter.isprintable()), None):
            raise ValueError(f"holds the invisible character U+{ord(invisible):04X}: type it again")
        if ":" in value:
            raise ValueError("holds a “:”")
        return value

    @field_validator("email")
    @classmethod
    def is_address(cls, value: str | None) -> str | None:
        """Refuse what is not an e-mail address of RFC 5322."""
        try:
            return None if value is None else Address(addr_spec=value).addr_spec
        except (MessageError, ValueError, IndexError):
            raise ValueError("is no e-mail address, such as alice@example.org") from None

    @field_validator("ssh_key")
    @classmethod
    def is_public_key(cls, value: str | None) -> str | None:
        """Refuse anything but one line with a public key that sshd accepts, above all a private key."""
        if value is None:
            return None
        kind, body, comment = [*value.split(maxsplit=2), "", "", ""][:3]
        if kind not in SSH_KEY_TYPES or not value.isprintable():
            raise ValueError(f"not an OpenSSH public key: one line, and first {', '.join(SSH_KEY_TYPES)}")
        try:
            key = load_ssh_public_key(f"{kind} {body}".encode()) if BASE64.fullmatch(body) else None
        except (ValueError, UnsupportedAlgorithm):
            key = None
        if key is None:
            raise ValueError(f"no {kind} key can be read from it: copy the whole line of the .pub file")
        if isinstance(key, RSAPublicKey) and key.key_size < SHORTEST_RSA:
            raise ValueError(f"sshd ignores RSA keys of less than {SHORTEST_RSA} bits; make a new one")
        return " ".join(filter(None, (kind, body, comment)))


def derive_login(name: str) -> str | None:
    """Derive a login from nothing but a student's name.

    Accents are dropped, so that ``Chloé Lefèvre`` becomes ``chloe-lefevre``. Letters of other scripts are not
    transcribed. The login does not depend on Python's version, as Unicode's stability policies keep the
    decomposition of existing letters.

    :param name: the name, as in the roster.
    :return: the login; None if none can be derived from this name, so that the roster has to give one.
    """
    letters = unicodedata.normalize("NFKD", name.casefold().translate(LATIN))
    letters = "".join(letter for letter in letters if not unicodedata.combining(letter))
    if any(letter.isalnum() and not letter.isascii() for letter in letters):
        return None
    login = "-".join(re.findall(r"[a-z0-9]+", letters))[:LONGEST_LOGIN].rstrip("-")
    return login if LOGIN.fullmatch(login) else None
