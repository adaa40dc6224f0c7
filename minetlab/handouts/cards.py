"""The students' cards: an HTML page without other files, and the same page as PDF. No key is on a card."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import segno
from markupsafe import Markup, escape

from minetlab.handouts.logins import Login
from minetlab.handouts.words import CARD_WORDS, Language, Words
from minetlab.lab import Student
from minetlab.plan.student_folder import folder_home, login_command
from minetlab.secrets.certificates import Anchor
from minetlab.util.errors import LabError
from minetlab.util.render import render

# With level M, a QR code can be read although 15 % of it is damaged (ISO/IEC 18004): by a fold, or by coffee.
ERROR_CORRECTION = "m"


@dataclass(frozen=True)
class Card:
    """One student's card.

    :param lab: name of the lab.
    :param student: the student.
    :param logins: the student's logins, in the order in which they are shown.
    :param site_url: address of the TP site; None: students cannot reach one.
    :param password: the student's password for the TP site; None: the lab serves none.
    :param anchor: the certificate by which that site is known; None: the lab serves none, or the address is
        that of a proxy in front of it.
    :param language: language of the card.
    """

    lab: str
    student: Student
    logins: tuple[Login, ...]
    site_url: str | None = None
    password: str | None = field(default=None, repr=False)
    anchor: Anchor | None = None
    language: Language = "fr"

    @property
    def words(self) -> Words:
        """The card's fixed texts, in its language."""
        return CARD_WORDS[self.language]

    @property
    def home(self) -> str:
        """The path at which the student is told to put their folder on their own computer."""
        return folder_home(self.lab)

    @property
    def scanned(self) -> str | None:
        """The address in the QR code (docs/decisions/what-a-card-holds.md); None: there is no machine."""
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
        """The text that says what to do before the first login."""
        return _filled(self.words.once, folder=self.student.login, home=self.home)

    @property
    def site(self) -> Markup:
        """The text that gives login and password for the TP site's page with the student's machines."""
        return _filled(self.words.site, login=self.student.login, password=self.password or "")

    @property
    def known_by(self) -> Markup:
        """The text with the fingerprint by which the TP site is known; empty: nothing is to be compared."""
        if not self.anchor:
            return Markup()
        text = self.words.authority if self.anchor.by_lab else self.words.certificate
        return _filled(text, fingerprint=self.anchor.fingerprint)

    def command(self, login: Login) -> str:
        """Return the command that the student types to log into a machine."""
        return login_command(self.lab, login.machine)


def _filled(text: str, **values: str) -> Markup:
    marked_up = {name: Markup("<code>{}</code>").format(value) for name, value in values.items()}
    return escape(text).format(**marked_up)


def html(lab: str, cards: Sequence[Card], language: Language = "fr") -> str:
    """Make the page with these cards.

    :param lab: name of the lab.
    :param cards: the cards, in the order of the page.
    :param language: language of the page's title and hints; each card has its own language.
    :return: the HTML document.
    """
    return render("cards/cards.html.j2", lab=lab, cards=cards, language=language, words=CARD_WORDS[language])


def pdf(page: str) -> bytes:
    """Convert the page with cards to PDF, on A4.

    :param page: the HTML document.
    :return: the PDF document.
    :raises LabError: libraries that make PDF documents are missing on this machine.
    """
    try:
        from weasyprint import HTML  # noqa: PLC0415 (takes a second, and libraries of the system)
    except OSError as error:
        raise LabError(
            f"cannot make a PDF: {error}", next_step="apt-get install libpangoft2-1.0-0 fonts-dejavu-core"
        ) from error
    return bytes(HTML(string=page).write_pdf(pdf_tags=True))
