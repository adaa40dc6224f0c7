"""How busy this machine's processors are, as Linux counts it: proc_stat(5)."""

from collections.abc import Sequence
from pathlib import Path

_IDLE = slice(3, 5)
"""Idle, and waiting for a disk."""
_ALL = slice(0, 8)
"""What they run for guests is counted a second time behind these."""


def times() -> tuple[int, ...]:
    """What all processors together have spent their time on since the boot, in ticks."""
    _, *ticks = Path("/proc/stat").read_text().partition("\n")[0].split()
    return tuple(map(int, ticks))


def busy(before: Sequence[int], after: Sequence[int]) -> float:
    """The share of their time that they were at work, between two answers of :func:`times`.

    >>> busy((0, 0, 0, 0, 0, 0, 0, 0, 0, 0), (20, 0, 10, 5, 5, 0, 0, 0, 20, 0))
    0.75
    """
    spent = [end - start for start, end in zip(before, after, strict=True)]
    return 1 - sum(spent[_IDLE]) / max(1, sum(spent[_ALL]))
