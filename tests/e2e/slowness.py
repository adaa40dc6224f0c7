"""How slow this machine is: limits of waits are multiples of it, and no result depends on it."""

import time

QUICK = 0.25
"""Seconds that the loop below takes on a quick machine."""


def slowness() -> float:
    """How many times as long as on a quick machine it takes to compute, here and now; at least 1."""
    start, total = time.perf_counter(), 0
    for number in range(5_000_000):
        total += number
    return max(1.0, (time.perf_counter() - start) / QUICK)
