"""A student: one row of the roster."""

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

# A login becomes a Linux user, a host name (RFC 1123) and part of domain names.
LOGIN = re.compile(r"[a-z]([a-z0-9-]{0,29}[a-z0-9])?")
LONGEST_LOGIN = 31
# Users and groups that the machines have: Debian's base-passwd (passwd.master, group.master), those of the
# guests' packages, and the lab's own. useradd refuses a user whose group exists.
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
# Letters that no Unicode decomposition turns into one of a-z.
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

    :param login: user name on the guest, and part of the names of the student's guest and containers.
    :param name: as it is printed, accents and all.
    :param email: where they can be written to.
    :param ssh_key: the student's own public key (one ``authorized_keys`` line); None: a pair is generated.
    :param group: of the course that they are in, as it is printed.
    :param language: of what they read.
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
        """Refuse what is no user and host name, and names that a Debian system already uses."""
        if not LOGIN.fullmatch(value):
            raise ValueError(
                f"has to be of lowercase letters a-z, digits and hyphens, {LONGEST_LOGIN} at most, "
                "with a letter first and no hyphen last"
            )
        if value in RESERVED_LOGINS:
            raise ValueError(f"{value!r} is a system account's name")
        return value

    @field_validator("name", "group")
    @classmethod
    def is_printable(cls, value: str | None) -> str | None:
        """Write accents and spaces in one way; refuse what cannot be seen, and ``:``, as passwd(5) does."""
        if value is None:
            return None
        value = unicodedata.normalize("NFC", " ".join(value.split()))
        if not value:
            raise ValueError("is empty")
        if unseen := next((letter for letter in value if not letter.isprintable()), None):
            raise ValueError(f"holds the invisible character U+{ord(unseen):04X}: type it again")
        if ":" in value:
            raise ValueError("holds a “:”")
        return value

    @field_validator("email")
    @classmethod
    def is_address(cls, value: str | None) -> str | None:
        """Refuse what is no address of RFC 5322."""
        try:
            return None if value is None else Address(addr_spec=value).addr_spec
        except (MessageError, ValueError, IndexError):
            raise ValueError("is no e-mail address, such as alice@example.org") from None

    @field_validator("ssh_key")
    @classmethod
    def is_public_key(cls, value: str | None) -> str | None:
        """Refuse anything but one line of a public key that sshd takes; above all a private one."""
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
    """The login of a student who has none in the roster, from nothing but their name; None: write one.

    Accents are dropped: ``Chloé Lefèvre`` is ``chloe-lefevre``. Letters of other scripts are not guessed.
    Unicode's stability policies keep what this gives for a name, whatever Python's version.
    """
    letters = unicodedata.normalize("NFKD", name.casefold().translate(LATIN))
    letters = "".join(letter for letter in letters if not unicodedata.combining(letter))
    if any(letter.isalnum() and not letter.isascii() for letter in letters):
        return None
    login = "-".join(re.findall(r"[a-z0-9]+", letters))[:LONGEST_LOGIN].rstrip("-")
    return login if LOGIN.fullmatch(login) else None
