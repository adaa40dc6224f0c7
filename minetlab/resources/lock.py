"""The lock of a host, which names the run that deploys there. No I/O."""

import json
from dataclasses import asdict, dataclass

LOCK = "/run/minet-lab.lock"
"""The path of the lock, one for all labs of a host, as they share its daemons, packages and memory."""


@dataclass(frozen=True)
class Holder:
    """The run that holds a host's lock.

    :param run: random identifier of the run.
    :param by: the administrator, as ``user@machine``.
    :param lab: the lab that is deployed.
    :param seconds: for how long the run has held the lock, by the host's clock.
    """

    run: str
    by: str
    lab: str
    seconds: int = 0

    @property
    def line(self) -> str:
        """What the run writes into the lock's file: JSON in one line."""
        return json.dumps(asdict(self))
