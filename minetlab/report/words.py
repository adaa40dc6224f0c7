"""The words of the report, in French, since a class reads it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from babel.dates import format_date
from babel.lists import format_list

from minetlab.claims.claims import Claim
from minetlab.claims.evidence import Verdict
from minetlab.resources.guests import GUESTS_RUN_OFF

LOCALE = "fr"


@dataclass(frozen=True)
class Word:
    """A verdict as it is shown: by its colour, a sign and a word.

    :param style: its CSS class, which has the colour.
    :param sign: its sign.
    :param label: its word.
    :param one: its word where it is said of one claim.
    :param many: its word where it is said of several claims.
    """

    style: str
    sign: str
    label: str
    one: str
    many: str


VERDICT_WORDS: Mapping[Verdict, Word] = {
    "violated": Word("violated", "✗", "violé", "violée", "violées"),
    "not checked": Word("not-checked", "?", "non vérifié", "non vérifiée", "non vérifiées"),
    "not demonstrable": Word(
        "not-demonstrable", "∅", "non démontrable ici", "non démontrable ici", "non démontrables ici"
    ),
    "demonstrated": Word("demonstrated", "✓", "démontré", "démontrée", "démontrées"),
}
MANY = 6
"""More machines than these are counted instead of named."""
NOT_STARTED = "les VM de cet hôte sont définies, mais pas démarrées"
NOT_AS_PLANNED = "✗ pas comme prévu"
CONNECTORS = {"sandbox": "bac à sable", "ssh": "SSH"}
ROLE_WORDS = {"KVM": "hôte de VM (KVM)", "Docker": "hôte de containers (Docker)"}
SOFTWARE = {"kernel": "noyau", "system": "système"}
INSIDE = {"KVM": "VM", "Docker": "container"}


def word_of(verdict: Verdict | None) -> Word | None:
    """Return how a verdict is shown; None if there is none."""
    return VERDICT_WORDS[verdict] if verdict else None


def cause(reason: str, claim: Claim) -> str:
    """Return in French why a claim is not demonstrable on a machine.

    :param reason: what the check says, in English.
    :param claim: the claim.
    :return: the cause; empty if there is nothing to say beside what the check says.
    """
    return NOT_STARTED if GUESTS_RUN_OFF in reason else claim.not_demonstrable or ""


def counted(number: int, noun: str) -> str:
    """Write a number of things, such as guests.

    :param number: how many.
    :param noun: the noun in the singular; abbreviations, such as VM, have no plural.
    :return: number and noun.

    >>> counted(2, "container"), counted(0, "container"), counted(3, "VM")
    ('2 containers', '0 container', '3 VM')
    """
    return f"{number} {noun}{'s' if number > 1 and noun != noun.upper() else ''}"


def listed(things: Iterable[str]) -> str:
    """Join things, the last two of them with "et".

    :param things: at least one.
    :return: the things in a row.

    >>> listed(["VM", "containers", "hôtes"])
    'VM, containers et hôtes'
    """
    return format_list(tuple(things), locale=LOCALE)


def named(machines: Sequence[str]) -> str:
    """Join the names of machines; of more than :data:`MANY`, give only the number."""
    return listed(machines) if len(machines) <= MANY else counted(len(machines), "machine")


def date_and_time(moment: datetime) -> str:
    """Write a date with its time and time zone.

    :param moment: the date and time.
    :return: the text.

    >>> date_and_time(datetime.fromisoformat("2026-10-01T09:05:00+02:00"))
    '1er octobre 2026 à 9 h 05 (UTC+02:00)'
    """
    day = "1er" if moment.day == 1 else str(moment.day)
    zone = f" ({moment.tzname()})" if moment.tzinfo else ""
    month = format_date(moment, "MMMM y", locale=LOCALE)
    return f"{day} {month} à {moment.hour} h {moment.minute:02}{zone}"
