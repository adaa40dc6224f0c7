"""pyinfra alone, with nothing to do; the lab cannot be faster."""

import sys

from benchmarks.compare.contestant import Command
from benchmarks.compare.contestants.floor import Floor
from benchmarks.compare.rows import HostLoad, Verb
from benchmarks.native import write_lab
from minetlab.util.process import run


class Pyinfra(Floor):
    """pyinfra's own start, its connection and one command."""

    name = "pyinfra alone"
    how = (
        "`pyinfra inventory exec -- true` over SSH, on a host where the raw APIs have made the machines: "
        "what its start, a connection and one command take. It looks at nothing."
    )
    kinds = frozenset({"guests", "containers"})
    verbs = frozenset({"repeat"})
    versions = ()

    def before(self, verb: Verb, load: HostLoad) -> None:
        """Make the machines by the APIs."""
        run(super().command("create", load).words, limit=900)

    def command(self, verb: Verb, load: HostLoad) -> Command:
        """Return the command that runs ``true`` by pyinfra."""
        own_host = self.arena.hosts.only(self.arena.host)
        inventory = write_lab(own_host, self.arena.folder, students=0, progress=lambda _: None)
        words = [sys.executable, "-m", "pyinfra", "-y", str(inventory), "exec", "--", "true"]
        return Command(words)
