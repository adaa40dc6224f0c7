"""The output of a command, laid out for people to read."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from minetlab.util.text import printable

LONG = 24
"""An output of more lines than these scrolls."""
LAID_OUT_FACTOR = 8
"""An output that would be so many times as long, if it was laid out, is shown as it was printed."""


@dataclass(frozen=True)
class Output:
    """An output as it is shown.

    :param text: the text to show.
    :param laid_out: whether the command printed it otherwise.
    """

    text: str
    laid_out: bool

    @property
    def long(self) -> bool:
        """Whether the output is so long that it scrolls."""
        return self.text.count("\n") >= LONG


def readable(printed: str) -> Output:
    """Lay out an output: JSON with a line for each field, and control characters as visible signs."""
    laid_out = _lay_out_json(printed)
    text = printed if laid_out is None else laid_out
    return Output(printable(text).rstrip("\n"), laid_out=laid_out is not None)


def _lay_out_json(printed: str) -> str | None:
    """Return JSON with a line for each field; None if it is none, or not as a program would print it."""
    if not printed.lstrip().startswith(("{", "[")):
        return None
    try:
        value = json.loads(printed)
        if isinstance(value, dict) and isinstance(value.get("lscpu"), list):
            return "\n".join(_lscpu_lines(value["lscpu"], ""))
        # Each level of brackets is a longer indent: a little JSON can become a lot of blanks.
        chunks = json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(value)
        return _joined(chunks, LAID_OUT_FACTOR * len(printed))
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return None


def _joined(chunks: Iterable[str], most: int) -> str | None:
    """Return the chunks as one text; None if it would have more than so many characters."""
    text: list[str] = []
    for chunk in chunks:
        most -= len(chunk)
        if most < 0:
            return None
        text.append(chunk)
    return "".join(text)


def _lscpu_lines(entries: list[dict[str, Any]], indent: str) -> list[str]:
    """Return the lines that ``lscpu`` prints without ``--json``; newer versions have entries in a tree."""
    lines = []
    for entry in entries:
        lines.append(f"{indent}{entry['field']:<{34 - len(indent)}} {entry['data'] or ''}".rstrip())
        lines += _lscpu_lines(entry.get("children", []), f"{indent}  ")
    return lines
