"""How busy this machine's processors are, by the counters of proc_stat(5)."""

from collections.abc import Sequence
from pathlib import Path

_IDLE = slice(3, 5)
"""The fields ``idle`` and ``iowait``."""
_ALL = slice(0, 8)
"""All fields but the last two, which count the time of guests a second time."""


def times() -> tuple[int, ...]:
    """Return how long all processors together were in each state since the boot, in ticks."""
    _, *ticks = Path("/proc/stat").read_text().partition("\n")[0].split()
    return tuple(map(int, ticks))


def busy(before: Sequence[int], after: Sequence[int]) -> float:
    """Return the share of time in which the processors were busy, from 0 to 1.

    :param before: a result of :func:`times`.
    :param after: a later result of it.
    :return: the busy share of the time between them.

    >>> busy((0, 0, 0, 0, 0, 0, 0, 0, 0, 0), (20, 0, 10, 5, 5, 0, 0, 0, 20, 0))
    0.75
    """
    spent = [end - start for start, end in zip(before, after, strict=True)]
    return 1 - sum(spent[_IDLE]) / max(1, sum(spent[_ALL]))
