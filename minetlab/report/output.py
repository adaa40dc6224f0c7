"""The output of a command, laid out for people to read."""

import json
import re
from dataclasses import dataclass
from typing import Any

LONG = 24
"""An output of more lines than these scrolls."""
# Control characters and noncharacters, which an HTML document must not have (HTML standard, 13.2.3.5).
_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")
# Unicode's block of control pictures: ␀ to ␟ in the order of the control characters, then ␠ and ␡.
_PICTURES = {chr(code): chr(0x2400 + code) for code in range(0x20)} | {"\x7f": "␡"}


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
    text = (printed if laid_out is None else laid_out).replace("\r\n", "\n").rstrip("\n")
    return Output(_FORBIDDEN.sub(_sign, text), laid_out=laid_out is not None)


def _lay_out_json(printed: str) -> str | None:
    if not printed.lstrip().startswith(("{", "[")):
        return None
    try:
        value = json.loads(printed)
    except ValueError:
        return None
    if isinstance(value, dict) and isinstance(value.get("lscpu"), list):
        return "\n".join(_lscpu_lines(value["lscpu"], ""))
    return json.dumps(value, indent=2, ensure_ascii=False)


def _lscpu_lines(entries: list[dict[str, Any]], indent: str) -> list[str]:
    """Return the lines that ``lscpu`` prints without ``--json``; newer versions have entries in a tree."""
    lines = []
    for entry in entries:
        lines.append(f"{indent}{entry['field']:<{34 - len(indent)}} {entry['data'] or ''}".rstrip())
        lines += _lscpu_lines(entry.get("children", []), f"{indent}  ")
    return lines


def _sign(match: re.Match[str]) -> str:
    return _PICTURES.get(match[0], "\N{REPLACEMENT CHARACTER}")
