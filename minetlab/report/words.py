"""The report's words: French, for a class to read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from minetlab.claims.claims import Claim
from minetlab.claims.evidence import Verdict
from minetlab.resources.guests_run import SETTING

MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre",
    "novembre", "décembre",
)  # fmt: skip


@dataclass(frozen=True)
class Word:
    """A verdict as it is shown: never by its colour alone.

    :param style: its CSS class.
    :param said: of what was looked for; of a claim: ``one``, of several: ``many``.
    """

    style: str
    sign: str
    said: str
    one: str
    many: str


WORDS: Mapping[Verdict, Word] = {
    "violated": Word("violated", "✗", "violé", "violée", "violées"),
    "not checked": Word("not-checked", "?", "non vérifié", "non vérifiée", "non vérifiées"),
    "not demonstrable": Word(
        "not-demonstrable", "∅", "non démontrable ici", "non démontrable ici", "non démontrables ici"
    ),
    "demonstrated": Word("demonstrated", "✓", "démontré", "démontrée", "démontrées"),
}
MANY = 6
NOT_STARTED = "les VM de cet hôte sont définies, mais pas démarrées"
NOT_AS_PLANNED = "✗ pas comme prévu"
CONNECTORS = {"sandbox": "bac à sable", "ssh": "SSH"}
ROLES = {"KVM": "hôte de VM (KVM)", "Docker": "hôte de containers (Docker)"}
INSIDE = {"KVM": "VM", "Docker": "container"}


def cause(reason: str, claim: Claim) -> str:
    """Why a machine does not show a claim, where that is no violation; empty: what the check says is all.

    :param reason: what the check says.
    """
    return NOT_STARTED if SETTING in reason else claim.not_demonstrable or ""


def counted(number: int, noun: str) -> str:
    """A number of things.

    >>> counted(2, "container"), counted(0, "container"), counted(3, "VM")
    ('2 containers', '0 container', '3 VM')
    """
    return f"{number} {noun}{'s' if number > 1 and noun != noun.upper() else ''}"


def listed(things: Iterable[str]) -> str:
    """Things one after the other.

    >>> listed(["VM", "containers", "hôtes"])
    'VM, containers et hôtes'
    """
    *most, last = things
    return f"{', '.join(most)} et {last}" if most else last


def named(machines: Sequence[str]) -> str:
    """Machines by name; the number of them, where nobody would read so many."""
    return listed(machines) if len(machines) <= MANY else counted(len(machines), "machine")


def said(moment: datetime) -> str:
    """A moment.

    >>> said(datetime.fromisoformat("2026-10-01T09:05:00+02:00"))
    '1er octobre 2026 à 9 h 05 (UTC+02:00)'
    """
    day = "1er" if moment.day == 1 else str(moment.day)
    zone = f" ({moment.tzname()})" if moment.tzinfo else ""
    return f"{day} {MONTHS[moment.month - 1]} {moment.year} à {moment.hour} h {moment.minute:02}{zone}"
