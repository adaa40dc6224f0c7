"""Work on this machine that begins before a host wants its result: it idles while they are provisioned."""

from collections.abc import Callable, Iterable

from gevent import spawn
from gevent.lock import BoundedSemaphore
from pyinfra.context import state

from minetlab.util.errors import LabError

_turn = BoundedSemaphore(1)
"""One build at a time, whoever wants it: hosts of the sandbox need a processor as well."""


def begin(builds: Iterable[Callable[[], object]]) -> None:
    """Have these done, one after another, while the run goes on; nothing before the run itself.

    Who needs a result asks for it as if this had never been, and then finds it in the cache or waits for it.
    So a failure is not said here: it comes up again, at the operation that it concerns.
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
