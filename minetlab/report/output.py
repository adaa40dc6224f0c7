"""What a command printed, for people to read: the same text, laid out where it is JSON."""

import json
import re
from dataclasses import dataclass
from typing import Any

LONG = 24
"""Lines that are shown at once; more than these scroll."""
# Not allowed in an HTML document (HTML standard, 13.2.3.5), except for blanks.
_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")
# Unicode's block of control pictures: ␀ to ␟ in the order of the control characters, then ␠ and ␡.
_PICTURES = {chr(code): chr(0x2400 + code) for code in range(0x20)} | {"\x7f": "␡"}


@dataclass(frozen=True)
class Output:
    """An output as it is shown.

    :param laid_out: whether it is not word for word what was printed.
    """

    text: str
    laid_out: bool

    @property
    def long(self) -> bool:
        """Whether it scrolls."""
        return self.text.count("\n") >= LONG


def readable(printed: str) -> Output:
    """An output, with a line a field where it is JSON, and with signs for control characters."""
    text = _of_json(printed)
    shown = (printed if text is None else text).replace("\r\n", "\n").rstrip("\n")
    return Output(_FORBIDDEN.sub(_sign, shown), laid_out=text is not None)


def _of_json(printed: str) -> str | None:
    if not printed.lstrip().startswith(("{", "[")):
        return None
    try:
        value = json.loads(printed)
    except ValueError:
        return None
    if isinstance(value, dict) and isinstance(value.get("lscpu"), list):
        return "\n".join(_fields(value["lscpu"], ""))
    return json.dumps(value, indent=2, ensure_ascii=False)


def _fields(entries: list[dict[str, Any]], indent: str) -> list[str]:
    """What ``lscpu`` prints without ``--json``; its newer versions print a tree."""
    lines = []
    for entry in entries:
        lines.append(f"{indent}{entry['field']:<{34 - len(indent)}} {entry['data'] or ''}".rstrip())
        lines += _fields(entry.get("children", []), f"{indent}  ")
    return lines


def _sign(match: re.Match[str]) -> str:
    return _PICTURES.get(match[0], "\N{REPLACEMENT CHARACTER}")
