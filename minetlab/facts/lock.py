"""The fact about the lock of a host."""

import json
import shlex

from minetlab.facts.base import HostFact
from minetlab.resources.lock import LOCK, Holder

# The lock's file has the ID of the process that holds the lock, then a line that describes its run. The file
# outlives the process, so only flock(1) tells whether the lock is held.
_HOLDER = """
[ -e {path} ] || exit 0
flock --nonblock {path} true && exit 0
echo held
echo $(($(date +%s) - $(stat --format=%Y {path})))
tail --lines=+2 {path}
"""
_WAIT = """
n=0
until grep --quiet --no-messages {run} {path} || [ $n -ge {turns} ]; do n=$((n + 1)); sleep 0.05; done"""
LOCK_TURNS = 140
"""How often the lock's file is read, every 50 ms: for seven seconds."""


class LockHolder(HostFact[Holder | None]):
    """The run that holds the host's lock; None if there is none."""

    def command(self, path: str = LOCK, run: str = "") -> str:
        """Return a command that prints who holds the lock, and for how long; nothing if the lock is free.

        :param path: the lock's file on the host.
        :param run: identifier of a run; if given, the command first waits up to seven seconds until that run
            has the lock.
        :return: the command.
        """
        quoted = shlex.quote(path)
        wait = _WAIT.format(run=shlex.quote(run), path=quoted, turns=LOCK_TURNS) if run else ""
        return f"{wait}{_HOLDER.format(path=quoted)}"

    def parse(self, output: list[str]) -> Holder | None:
        """Parse the output; return None if the lock is free."""
        if "held" not in output:
            return None
        try:
            _, seconds, *file_lines = output
            return Holder(**{**json.loads(file_lines[0]), "seconds": int(seconds)})
        except (ValueError, TypeError, IndexError):
            # A run that has just taken the lock may not have written yet who it is.
            return Holder(run="", by="somebody", lab="?")
