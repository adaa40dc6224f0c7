"""Text that machines print, made fit to be shown on a terminal."""

import re

# All control characters but line feed and tab, so that a student's machine cannot control this terminal.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """Return a machine's output without characters that control the terminal on which it is shown."""
    return CONTROL.sub("", text)


def first_line(text: str) -> str:
    """Return the first line that is not blank, printable; or an empty string."""
    return next((line.strip() for line in printable(text).splitlines() if line.strip()), "")


def last_line(text: str) -> str:
    """Return the last line that is not blank, printable; or an empty string."""
    return first_line("\n".join(reversed(text.splitlines())))
