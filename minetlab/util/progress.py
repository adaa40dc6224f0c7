"""How a long step tells the administrator that it goes on."""

import time
from typing import Protocol

INTERVAL = 10.0
"""Seconds between two lines of one step."""


class Progress(Protocol):
    """Where a long step says what it does, a line at a time."""

    def __call__(self, message: str, /) -> None:
        """Show one line to the administrator."""


class Heartbeat:
    """Say at most every ten seconds that a step goes on, and for how long it has.

    :param what: the step.
    """

    def __init__(self, what: str, progress: Progress) -> None:
        self._what = what
        self._progress = progress
        self._started = self._said = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the step began."""
        return time.monotonic() - self._started

    def beat(self, detail: str = "") -> None:
        """Say it, if it is time to.

        :param detail: what to add to the line.
        """
        now = time.monotonic()
        if now - self._said >= INTERVAL:
            self._progress(f"{self._what}{detail} ({self.elapsed:.0f} s)")
            self._said = now
