"""The cards on paper: an HTML page that needs nothing beside it, and the same as PDF; no key is on them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import segno
from markupsafe import Markup, escape

from minetlab.handouts.folder import command, home_of
from minetlab.handouts.logins import Login
from minetlab.handouts.words import WORDS, Language, Words
from minetlab.lab import Student
from minetlab.util.errors import LabError
from minetlab.util.render import render

# Level M can be read though 15 % of it is damaged (ISO/IEC 18004): by a fold, or by coffee.
ERROR_CORRECTION = "m"


@dataclass(frozen=True)
class Card:
    """One student's card.

    :param folder: what the folder that goes with it is called.
    :param site_url: address of the practical work's site; None: students can reach none.
    :param password: the student's, for that site; None: the lab serves none.
    """

    lab: str
    student: Student
    logins: tuple[Login, ...]
    folder: str
    site_url: str | None = None
    password: str | None = field(default=None, repr=False)
    language: Language = "fr"

    @property
    def words(self) -> Words:
        """In the student's language."""
        return WORDS[self.language]

    @property
    def scanned(self) -> str | None:
        """What the QR code holds: docs/decisions/what-a-card-holds.md. None: the student has no machine."""
        if self.site_url or not self.logins:
            return self.site_url
        return min(self.logins, key=lambda login: login.jump is not None).uri

    @property
    def qr(self) -> Markup:
        """The QR code as SVG, without the quiet zone that has to be left around it."""
        code = segno.make_qr(self.scanned or "", error=ERROR_CORRECTION)
        return Markup(code.svg_inline(border=0, omitsize=True))  # noqa: S704 (a path of segno's own)

    @property
    def once(self) -> Markup:
        """What to do before the first login."""
        return _filled(self.words.once, folder=self.folder, home=home_of(self.lab))

    @property
    def site(self) -> Markup:
        """What the page with the student's machines asks for."""
        return _filled(self.words.site, login=self.student.login, password=self.password or "")

    def command(self, login: Login) -> str:
        """What the student types to log into a machine."""
        return command(self.lab, login.machine)


def _filled(text: str, **values: str) -> Markup:
    return escape(text).format(
        **{name: Markup("<code>{}</code>").format(value) for name, value in values.items()}
    )


def html(lab: str, cards: Sequence[Card], language: Language = "fr") -> str:
    """The page with these cards, in this order.

    :param language: of the page itself; each card has its own.
    """
    return render("cards/cards.html.j2", lab=lab, cards=cards, language=language, words=WORDS[language])


def pdf(page: str) -> bytes:
    """A page of cards as PDF, A4.

    :raises LabError: the libraries that set it in type are not on this machine.
    """
    try:
        from weasyprint import HTML  # noqa: PLC0415 (takes a second, and libraries of the system)
    except OSError as error:
        raise LabError(
            f"cannot make a PDF: {error}", next_step="apt-get install libpangoft2-1.0-0 fonts-dejavu-core"
        ) from error
    return bytes(HTML(string=page).write_pdf(pdf_tags=True))
