"""Who deploys to a host, as its lock says. No I/O."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

LOCK = "/run/minet-lab.lock"
"""The lock of a host, whatever the lab: daemons, packages and memory are the host's."""


@dataclass(frozen=True)
class Holder:
    """A run that holds a host's lock.

    :param run: a word that no other run has.
    :param by: the administrator, as ``user@machine``.
    :param lab: what is deployed.
    :param seconds: for how long, by the host's own clock.
    """

    run: str
    by: str
    lab: str
    seconds: int = 0

    @property
    def line(self) -> str:
        """What the lock's file says."""
        return json.dumps(asdict(self))


def parse(output: Iterable[str]) -> Holder | None:
    """Read the output of :class:`minetlab.facts.lock.LockHolder`; None: the lock is free.

    A run that has the lock, and has not written yet who it is, is somebody's.
    """
    lines = list(output)
    if "held" not in lines:
        return None
    try:
        _, seconds, *said = lines
        return Holder(**{**json.loads(said[0]), "seconds": int(seconds)})
    except (ValueError, TypeError, IndexError):
        return Holder(run="", by="somebody", lab="?")
