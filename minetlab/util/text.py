"""Text that machines print, made fit to be shown on a terminal."""

import re

# All control characters but line feed and tab; characters that end lines, or turn their direction (Unicode
# 23.2 and 23.3); and halves of characters, which cannot be encoded.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

MAX_LINE = 300
"""Characters of a machine's line that a message shows."""


def printable(text: str) -> str:
    """Return a machine's output without characters that control the terminal on which it is shown.

    >>> printable("one\\n\\x1b[31mtwo\\u202e\\udcff")
    'one\\n[31mtwo'
    """
    return CONTROL.sub("", text)


def printable_line(text: str) -> str:
    """Return a text, such as a file's name, as one printable line of at most :data:`MAX_LINE` characters.

    >>> printable_line("a\\tb\\nc")
    'a b c'
    """
    line = printable(text[: 2 * MAX_LINE]).replace("\n", " ").replace("\t", " ")
    return line if len(line) <= MAX_LINE else f"{line[:MAX_LINE]}…"


def first_line(text: str) -> str:
    """Return the first line that is not blank, printable; or an empty string."""
    return next((line.strip() for line in printable(text).splitlines() if line.strip()), "")


def last_line(text: str) -> str:
    """Return the last line that is not blank, printable; or an empty string."""
    return first_line("\n".join(reversed(text.splitlines())))
