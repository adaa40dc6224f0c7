"""How a long step tells the administrator that it still runs."""

import time
from typing import Protocol

HEARTBEAT_INTERVAL = 10.0
"""Seconds between two lines about the same step."""


class Progress(Protocol):
    """A function that shows what a long step does, a line at a time."""

    def __call__(self, message: str, /) -> None:
        """Show one line to the administrator."""


class Heartbeat:
    """Lines that say, at most every ten seconds, that a step still runs, and for how long it has.

    :param step: what the lines call the step.
    :param progress: shows the lines.
    """

    def __init__(self, step: str, progress: Progress) -> None:
        self._step = step
        self._progress = progress
        self._started = self._last_shown = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the step began."""
        return time.monotonic() - self._started

    def beat(self, detail: str = "") -> None:
        """Show a line if the last one is ten seconds ago.

        :param detail: text to add after the step's name.
        """
        now = time.monotonic()
        if now - self._last_shown >= HEARTBEAT_INTERVAL:
            self._progress(f"{self._step}{detail} ({self.elapsed:.0f} s)")
            self._last_shown = now
