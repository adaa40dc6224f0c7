"""Facts about the lock that a run holds on a host."""

import shlex

from pyinfra.api.facts import FactBase

from minetlab.resources.lock import LOCK, Holder, parse

# The first line of the file is the holding process, the second is who that is for. `flock` is what
# tells: the file outlives its holder.
_HOLDER = """
[ -e {path} ] || exit 0
flock --nonblock {path} true && exit 0
echo held
echo $(($(date +%s) - $(stat --format=%Y {path})))
tail --lines=+2 {path}
"""
_UNTIL = """
n=0
until grep --quiet --no-messages {run} {path} || [ $n -ge {turns} ]; do n=$((n + 1)); sleep 0.05; done"""
TURNS = 140


class LockHolder(FactBase[Holder | None]):
    """Who holds the host's lock; None: nobody."""

    @staticmethod
    def default() -> Holder | None:
        """Nobody."""
        return None

    def command(self, path: str = LOCK, run: str = "") -> str:
        """Ask flock(1) whether the lock is held, and the lock's file by whom.

        :param run: wait until this one has it, for seven seconds at most.
        """
        quoted = shlex.quote(path)
        wait = _UNTIL.format(run=shlex.quote(run), path=quoted, turns=TURNS) if run else ""
        return f"{wait}{_HOLDER.format(path=quoted)}"

    def process(self, output: list[str]) -> Holder | None:
        """Read it."""
        return parse(output)
