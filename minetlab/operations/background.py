"""Builds on this machine that begin early: while hosts are provisioned, this machine would be idle."""

from collections.abc import Callable, Iterable

from gevent import spawn
from gevent.lock import BoundedSemaphore
from pyinfra.context import state

from minetlab.util.errors import LabError

_turn = BoundedSemaphore(1)
"""One build at a time for all hosts, as sandbox hosts on this machine need processors too."""


def begin(builds: Iterable[Callable[[], object]]) -> None:
    """Run builds one after another in the background; do nothing while operations are only prepared.

    The operation that needs a result builds it as usual, and then finds it in the cache or waits for it. So a
    build that fails here is not reported: that operation reports it.

    :param builds: functions that each build something and put it into the cache.
    """
    if state.is_executing:
        spawn(_in_turn, tuple(builds))


def _in_turn(builds: tuple[Callable[[], object], ...]) -> None:
    for build in builds:
        with _turn:
            try:
                build()
            except LabError:
                return
