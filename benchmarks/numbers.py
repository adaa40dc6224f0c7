"""Times in words and digits: medians with their spread."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """Times of one thing, in seconds.

    :param low: first quartile; ``high``: third quartile.
    :param count: how many there are.
    """

    median: float
    low: float
    high: float
    count: int

    def __str__(self) -> str:
        """How tables say it.

        >>> str(spread([3.0, 1.0, 2.0, 4.0, 5.0])), str(spread([123.4]))
        ('3.00 (2.00 … 4.00)', '123')
        """
        if self.count == 1:
            return number(self.median)
        return f"{number(self.median)} ({number(self.low)} … {number(self.high)})"


def spread(times: Iterable[float]) -> Spread | None:
    """Median and quartiles; of one or two times, the quartiles are the extremes.

    >>> spread([3.0, 1.0, 2.0, 4.0, 5.0])
    Spread(median=3.0, low=2.0, high=4.0, count=5)
    >>> spread([2.0]), spread([])
    (Spread(median=2.0, low=2.0, high=2.0, count=1), None)
    """
    known = sorted(times)
    if not known:
        return None
    if len(known) <= 2:  # noqa: PLR2004
        low, high = known[0], known[-1]
    else:
        low, _, high = statistics.quantiles(known, n=4, method="inclusive")
    return Spread(statistics.median(known), low, high, len(known))


def number(value: float) -> str:
    """Three digits that matter; two of a number below one.

    >>> number(0.0234), number(0.9), number(1.5), number(123.4), number(1234.5)
    ('0.023', '0.90', '1.50', '123', '1234')
    """
    return f"{value:.0f}" if value >= 100 else f"{value:#.3g}" if value >= 1 else f"{value:#.2g}"  # noqa: PLR2004
