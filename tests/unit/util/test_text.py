"""What machines print is shown without what controls a terminal, and in bounds."""

import unicodedata

import pytest

from minetlab.util.text import (
    MAX_LINE,
    MAX_MARKS,
    first_line,
    last_line,
    printable,
    printable_line,
    printable_name,
)

# What tells a terminal to do something, what hides where text is, and what cannot be written into a file.
CONTROLS = "".join(map(chr, (*range(0x20), *range(0x7F, 0xA0))))
DIRECTIONS = "\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
UNFIT = "\ud800\udcff\udfff\ufdd0\ufffe\uffff"


def test_lines_are_shown_without_what_controls_a_terminal() -> None:
    text = "\n \n\x1b[2J first \n\nlast\x9b1m\x07 \n\n"
    assert (first_line(text), last_line(text)) == ("␛[2J first", "last\N{REPLACEMENT CHARACTER}1m␇")
    assert (first_line(" \n"), last_line("")) == ("", "")
    assert (first_line("a\rb"), last_line("a\rb\r\n")) == ("a", "b")


@pytest.mark.parametrize("char", [*CONTROLS, *DIRECTIONS, *UNFIT])
def test_nothing_but_text_is_left(char: str) -> None:
    for shown in (printable(f"a{char}b"), printable_name(f"a{char}b"), printable_line(f"a{char}b")):
        assert shown.encode().decode() == shown
        assert all(letter.isprintable() or letter in "\n\t" for letter in shown)
        assert len(shown) == 3, "nothing is hidden"
    assert printable(f"a{char}b") == {"\n": "a\nb", "\r": "a\nb", "\t": "a\tb"}.get(
        char, printable_name(f"a{char}b")
    )


def test_a_name_and_a_line_are_one_line() -> None:
    assert printable_name("\033[1ma\nb\r\n\tc") == "a␊b␍␊␉c"
    assert printable_line("x" * MAX_LINE) == "x" * MAX_LINE
    assert printable_line("x\n" * MAX_LINE) == f"{'x␊' * (MAX_LINE // 2)}…"
    for line in (first_line("y" * 10**6), last_line("\n" + "y" * 10**6)):
        assert line == f"{'y' * MAX_LINE}…"


def test_marks_are_kept_but_not_piles_of_them() -> None:
    for kept in ("é", "e\u0301", "שָׁלוֹם", "ที่นี่", "a" + "\u0301" * MAX_MARKS):
        assert printable(kept) == kept
    for mark in ("\u0301", "\u0e47", "\u20dd", "\U0001d167", "\U000e0100"):
        assert unicodedata.category(mark) in {"Mn", "Me"}
        assert printable(f"a{mark * 10_000}b") == f"a{mark * MAX_MARKS}b"


def test_every_mark_of_unicode_is_known() -> None:
    marks = [char for char in map(chr, range(0x110000)) if unicodedata.category(char) in {"Mn", "Me"}]
    assert all(len(printable(f"a{mark * 50}")) == 1 + MAX_MARKS for mark in marks)


def test_there_is_an_end_to_what_is_shown() -> None:
    assert printable("a" * 10, most=10) == "a" * 10
    assert printable("\x1b" * 10_000_000, most=2) == "␛␛… (9999998 more characters)"
