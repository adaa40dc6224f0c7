"""Cards of students, and of a whole class."""

from typing import Any

from minetlab.handouts.cards import Card
from minetlab.handouts.logins import Jump, Login, ReachedHost
from minetlab.lab import Student
from minetlab.secrets.certificates import Anchor
from tests.support.recorded import RECORDED_CA

HOST = ReachedHost("hv1", "hv1.example.org", 22, ())
PASSWORD = "kfpj-vwmq-zzgd-hbtr-nxcs"  # noqa: S105 (nobody's)
ANCHOR = Anchor(RECORDED_CA.read_text(), by_lab=True)
NAMES = [
    "Élodie Œuvrard-N’Guyễn",  # noqa: RUF001 (a typographer's apostrophe)
    "<script>alert('x')</script>",
    '"Q" & {{ fils }} &amp; \\',
    "Maximilienne de La Rochefoucauld-Montmorency d'Aubigné de Saint-Exupéry",
    "A",
]


def card_of(login: str, name: str, images: tuple[str, ...] = ("isa", "processus"), **changes: Any) -> Card:
    jump = Jump("minet-jump-hv1", "minet-jump", HOST)
    guest = Login(f"minet-{login}", None, login, "10.77.0.178", "10.77.0.178", 22, "k", jump)
    containers = [
        Login(
            f"minet-{login}-{image}",
            image,
            "etudiant",
            f"ct1.example.org:{20000 + number}",
            "ct1.example.org",
            20000 + number,
            "k",
            None,
        )
        for number, image in enumerate(images)
    ]
    site = {"site_url": "https://ct1.example.org:8080/", "password": PASSWORD, "anchor": ANCHOR}
    return Card("minet", Student(login=login, name=name), (guest, *containers), **{**site, **changes})


def class_of(students: int, images: tuple[str, ...] = ("isa", "processus")) -> list[Card]:
    return [
        card_of(f"student-{number:02}", f"{NAMES[number % len(NAMES)]} {number:02}", images)
        for number in range(students)
    ]
