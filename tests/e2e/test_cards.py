"""The cards in a real browser, and cards that are spoilt on purpose."""

from pathlib import Path

import pytest

from minetlab.handouts.cards import html
from tests.e2e.browser import assert_cards_are_good
from tests.support.student_cards import class_of


def written(folder: Path, text: str) -> Path:
    page = folder / "cards.html"
    page.write_text(text, encoding="utf-8")
    return page


def test_cards_of_a_class_are_good(tmp_path: Path) -> None:
    assert_cards_are_good(written(tmp_path, html("minet", class_of(30))))


@pytest.mark.parametrize(
    ("before", "after", "wrong"),
    [
        ("overflow-wrap: anywhere", "white-space: nowrap", "wide on a screen"),
        ("--soft: #4b535c", "--soft: #c8c8c8", "color-contrast"),
        (
            '<h2 class="long">',
            '<h2 class="long"><img src="http://192.0.2.1/x.png" alt="" />',
            "asks for|complains",
        ),
    ],
)
def test_spoilt_cards_are_found_out(tmp_path: Path, before: str, after: str, wrong: str) -> None:
    text = html("minet", class_of(5))
    assert before in text
    with pytest.raises(AssertionError, match=wrong):
        assert_cards_are_good(written(tmp_path, text.replace(before, after)))
