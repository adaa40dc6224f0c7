"""Text that machines print, made fit to be shown: the only place where that is done.

What comes from a student's machine is hostile. On a terminal, in a page or in a file, it must not move the
cursor, turn the direction of letters, pretend to be another line, or be more than anybody can read.
"""

import re
import unicodedata
from functools import cache

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
"""What switches colours in a terminal, and is not seen there: "SGR" of ECMA-48."""
# All control characters with their pictures: ␀ to ␟, and ␡.
_PICTURES = {chr(code): chr(0x2400 + code) for code in range(0x20)} | {"\x7f": "␡"}
# C1 controls; what ends lines, or turns their direction (Unicode 23.2 and 23.3); halves of characters, which
# cannot be encoded; noncharacters, which XML and HTML do not allow.
_REPLACED = re.compile(
    r"[\x80-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)
_LINE_END = re.compile(r"\r*\n|\r+")

MAX_MARKS = 8
"""Marks, such as accents, that a letter keeps: no script needs more, and piles of them cover other lines."""
MAX_LINE = 300
"""Characters of a machine's line that a message shows."""


def printable(text: str, most: int | None = None) -> str:
    """Return what a machine printed as it can be shown; lines end with a line feed.

    Control characters become visible signs, so that nobody misses that they are there. Colours are left out.

    :param text: what it printed.
    :param most: how many characters to show, before a note of how many are left out; None: all.
    :return: the text.

    >>> printable("one\\r\\n\\x1b[31mtwo\\x1b[0m\\x07\\u202e\\udcff")
    'one\\ntwo␇��'
    >>> printable("one, two, three", most=5)
    'one, … (10 more characters)'
    """
    hidden = 0 if most is None else max(0, len(text) - most)
    shown = _visible(_LINE_END.sub("\n", COLOUR.sub("", text[:most])), keep="\n\t")
    return f"{shown}… ({hidden} more characters)" if hidden else shown


def printable_name(name: str) -> str:
    """Return a name, such as that of a file, as it can be shown, in one line.

    >>> printable_name("a\\tb\\nc\\x1b[2J")
    'a␉b␊c␛[2J'
    """
    return _visible(COLOUR.sub("", name))


def printable_line(text: str) -> str:
    """Return a text in one line, as :func:`printable_name` does, of at most :data:`MAX_LINE` characters."""
    line = printable_name(text[: MAX_LINE + 1])
    return line if len(text) <= MAX_LINE else f"{line[:MAX_LINE]}…"


def first_line(text: str) -> str:
    """Return the first line that is not blank, as :func:`printable_line` does; or an empty string."""
    lines = (line.strip() for line in _LINE_END.split(text))
    return next((printable_line(line) for line in lines if line), "")


def last_line(text: str) -> str:
    """Return the last line that is not blank, as :func:`printable_line` does; or an empty string."""
    return first_line("\n".join(reversed(_LINE_END.split(text))))


def _visible(text: str, keep: str = "") -> str:
    """Return a text with signs for control characters that are not to be kept, and without piles of marks."""
    for char in _PICTURES.keys() - set(keep) & set(text):
        text = text.replace(char, _PICTURES[char])
    if text.isascii():
        return text
    text = _REPLACED.sub("\N{REPLACEMENT CHARACTER}", text)
    return _too_many_marks(is_bmp=max(text) <= "\uffff").sub(r"\1", text)


@cache
def _too_many_marks(*, is_bmp: bool) -> re.Pattern[str]:
    """Return a pattern of marks, nonspacing and enclosing ones, of which the first group is to be kept.

    :param is_bmp: whether the text is of the Basic Multilingual Plane alone; this is much faster.
    :return: the pattern.
    """
    # There are marks in these ranges only.
    codes = range(0x300, 0x10000) if is_bmp else (*range(0x300, 0x20000), *range(0xE0100, 0xE01F0))
    marks = "".join(char for char in map(chr, codes) if unicodedata.category(char) in {"Mn", "Me"})
    return re.compile(f"([{marks}][{marks}]{{{MAX_MARKS - 1}}})[{marks}]+")
