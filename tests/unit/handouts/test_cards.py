"""The cards: as a browser parses them, as PDF shows them, and their QR codes as a phone reads them."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
import zxingcpp
from lxml import html as parser

from minetlab.handouts import cards
from minetlab.handouts.cards import Card
from minetlab.handouts.words import CARD_WORDS
from minetlab.lab import Student
from minetlab.secrets.keys import key_pair, student_key
from tests.support.student_cards import ANCHOR, NAMES, PASSWORD, card_of, class_of

MM = 72 / 25.4


def pages(class_cards: list[Card]) -> pypdfium2.PdfDocument:
    return pypdfium2.PdfDocument(cards.pdf(cards.html("minet", class_cards)))


def text_of(page: pypdfium2.PdfPage) -> str:
    """What is on a page, without blanks: names and commands may be broken over lines, after hyphens too."""
    return squeezed(page.get_textpage().get_text_range().replace("\ufffe", "-").replace("\x02", "-"))


def parsed(text: str) -> Any:
    return parser.fromstring(text)


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


@pytest.mark.parametrize("students", [1, 30])
def test_every_card_is_whole_on_one_page_of_a4_with_all_that_its_student_needs(students: int) -> None:
    cards = class_of(students)
    document = pages(cards)
    texts = [text_of(page) for page in document]
    for card in cards:
        wanted = [card.student.name, *(card.command(login) for login in card.logins)]
        wanted += [login.shown for login in card.logins]
        wanted += [PASSWORD, "https://ct1.example.org:8080/", ANCHOR.fingerprint]
        where = {
            number for number, text in enumerate(texts) if squeezed(card.command(card.logins[0])) in text
        }
        assert len(where) == 1
        (number,) = where
        assert [each for each in wanted if squeezed(each) not in texts[number]] == []
    for page in document:
        assert page.get_size() == pytest.approx((210 * MM, 297 * MM), abs=0.1)
    assert -(-students // 4) <= len(document) <= -(-students // 2)


def test_four_usual_cards_fill_a_page() -> None:
    cards = [card_of(f"student-{number}", "Alice Exemple", ("a", "b", "processus")) for number in range(8)]
    assert len(pages(cards)) == 2


def test_nothing_is_printed_where_printers_cannot() -> None:
    for page in pages(class_of(9)):
        text = page.get_textpage()
        boxes = [text.get_charbox(index) for index in range(text.count_chars())]
        inked = [box for box in boxes if box[0] < box[2]]
        assert len(inked) > 300
        width, height = page.get_size()
        assert min(left for left, *_ in inked) >= 9 * MM
        assert max(right for _, _, right, _ in inked) <= width - 9 * MM
        assert min(bottom for _, bottom, _, _ in inked) >= 5 * MM
        assert max(top for *_, top in inked) <= height - 5 * MM


@pytest.mark.parametrize("name", NAMES)
def test_names_are_shown_as_they_are(name: str) -> None:
    tree = parsed(cards.html("minet", [card_of("alice", name)]))
    assert [each.text_content() for each in tree.iter("h2")] == [name]
    assert not list(tree.iter("script"))


def test_the_page_needs_nothing_beside_it_and_the_browser_is_told_to_fetch_nothing() -> None:
    text = cards.html("minet", class_of(3))
    tree = parsed(text)
    loaded = [each for each in tree.xpath("//@src | //@href") if not str(each).startswith(("data:", "#"))]
    assert loaded == []
    assert not re.search(r"@import|url\(", text)
    policy = tree.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    assert policy[0].startswith("default-src 'none'")


def scanned(card: Card) -> list[str]:
    """What a phone reads off the printed page: text of each QR code."""
    (page,) = pages([card])
    return [code.text for code in zxingcpp.read_barcodes(page.render(scale=3).to_pil())]


def test_the_qr_code_leads_to_the_practical_works_site_where_there_is_one() -> None:
    site_url = "https://tp.example.org/?lab=minet&s=é"
    card = card_of("alice", "Alice", site_url=site_url)
    assert scanned(card) == [site_url]
    assert CARD_WORDS["fr"].scan_site in cards.html("minet", [card])


def test_without_a_site_it_is_a_machine_that_is_reached_directly() -> None:
    assert scanned(card_of("alice", "Alice", site_url=None)) == ["ssh://etudiant@ct1.example.org:20000"]
    assert scanned(card_of("alice", "Alice", (), site_url=None)) == ["ssh://alice@10.77.0.178"]


def test_a_password_is_on_the_card_where_there_is_a_site_and_in_no_qr_code() -> None:
    words = CARD_WORDS["fr"]
    for site_url in ("https://tp.example.org", None):
        card = card_of("alice", "Alice", site_url=site_url)
        assert PASSWORD not in str(card)
        assert PASSWORD not in str(scanned(card))
        said = " ".join(parsed(cards.html("minet", [card])).text_content().split())
        assert words.site.format(login="alice", password=PASSWORD) in said
    assert "mot de passe" not in cards.html("minet", [card_of("alice", "Alice", password=None)])


def test_the_sites_fingerprint_is_on_the_card_with_whose_it_is() -> None:
    for anchor, said in (
        (ANCHOR, "CA"),
        (replace(ANCHOR, by_lab=False), "Certificat"),
    ):
        page = parsed(cards.html("minet", [card_of("alice", "Alice", anchor=anchor)]))
        (known,) = page.xpath("//p[@class='known']")
        assert known.text_content().startswith(f"{said} du site")
        assert known.text_content().endswith(ANCHOR.fingerprint)
    assert "SHA-256" not in cards.html("minet", [card_of("alice", "Alice", anchor=None)])


def test_a_student_without_machines_has_a_card_without_a_code() -> None:
    card = Card("minet", Student(login="alice", name="Alice"), ())
    assert card.scanned is None
    assert scanned(card) == []


def test_no_key_is_on_a_card() -> None:
    pair = student_key("minet", "alice")
    text = cards.html("minet", [card_of("alice", "Alice")])
    for line in pair.private.read_text().splitlines():
        assert line not in text
    assert str(pair.private) not in text


def test_each_card_is_in_its_students_language_and_says_whose_key_it_is(tmp_path: Path) -> None:
    key = key_pair(tmp_path / "carol", comment="carol").public
    english = card_of("bob", "Bob", language="en")
    own = Card("minet", Student(login="carol", name="Carol", ssh_key=key), english.logins)
    tree = parsed(cards.html("minet", [card_of("alice", "Alice"), english, own]))
    articles = tree.xpath("//article")
    assert [card.get("lang") for card in articles] == ["fr", "en", "fr"]
    said = [" ".join(card.text_content().split()) for card in articles]
    assert CARD_WORDS["fr"].new_key in said[0]
    assert CARD_WORDS["en"].new_key in said[1]
    assert CARD_WORDS["en"].course in said[1]
    assert CARD_WORDS["fr"].own_key in said[2]
    assert "« alice » reçu sous ~/minet" in said[0]


def test_every_language_says_everything() -> None:
    for words in CARD_WORDS.values():
        assert all(vars(words).values())
        assert {"{folder}", "{home}"} <= set(re.findall(r"{\w+}", words.once))
        assert "{fingerprint}" in words.authority
        assert "{fingerprint}" in words.certificate
        assert {"{login}", "{password}"} <= set(re.findall(r"{\w+}", words.site))


def test_a_machine_without_the_libraries_is_told_which() -> None:
    # They are looked for when WeasyPrint is imported.
    program = (
        "import cffi\n"
        "def refuse(*_): raise OSError('no Pango')\n"
        "cffi.FFI.dlopen = refuse\n"
        "from minetlab.handouts import cards\n"
        "from minetlab.util.errors import LabError\n"
        "try: cards.pdf('<p>')\n"
        "except LabError as error: print(error)\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "apt-get install libpangoft2-1.0-0" in result.stdout
