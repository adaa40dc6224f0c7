"""Medians and quartiles of measured times, and how they are printed."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """How the measured times of one thing are spread, in seconds.

    :param median: the median.
    :param low: the first quartile.
    :param high: the third quartile.
    :param count: how many times were measured.
    """

    median: float
    low: float
    high: float
    count: int

    def __str__(self) -> str:
        """Return the text for tables.

        >>> str(spread([3.0, 1.0, 2.0, 4.0, 5.0])), str(spread([123.4]))
        ('3.00 (2.00 … 4.00)', '123')
        """
        if self.count == 1:
            return number(self.median)
        return f"{number(self.median)} ({number(self.low)} … {number(self.high)})"


def spread(times: Iterable[float]) -> Spread | None:
    """Compute median and quartiles.

    >>> spread([3.0, 1.0, 2.0, 4.0, 5.0])
    Spread(median=3.0, low=2.0, high=4.0, count=5)
    >>> spread([2.0]), spread([])
    (Spread(median=2.0, low=2.0, high=2.0, count=1), None)

    :param times: the times, in any order.
    :return: their spread, in which one or two times are also the quartiles; None if there are no times.
    """
    ordered = sorted(times)
    if not ordered:
        return None
    if len(ordered) <= 2:  # noqa: PLR2004
        low, high = ordered[0], ordered[-1]
    else:
        low, _, high = statistics.quantiles(ordered, n=4, method="inclusive")
    return Spread(statistics.median(ordered), low, high, len(ordered))


def number(value: float) -> str:
    """Format a number with three significant digits, or two if it is below one.

    >>> number(0.0234), number(0.9), number(1.5), number(123.4), number(1234.5)
    ('0.023', '0.90', '1.50', '123', '1234')

    :param value: the number.
    :return: its digits; numbers from 1000 on keep all digits before the point.
    """
    return f"{value:.0f}" if value >= 100 else f"{value:#.3g}" if value >= 1 else f"{value:#.2g}"  # noqa: PLR2004
