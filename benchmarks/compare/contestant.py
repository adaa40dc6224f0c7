"""What a contestant is: commands to time, and what stands ready before the clock starts."""

import shlex
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.compare.rows import VERBS, HostLoad, LoadKind, Verb
from benchmarks.native import NativeHost, NativeHosts
from minetlab.util.errors import LabError
from minetlab.util.process import run

ON_HOST = "/opt/bench"
"""Where the files of ``on_host`` are on each host."""
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Arena:
    """Where a contestant works.

    :param host: its own, prepared as everybody's.
    :param hosts: all of them, for keys and addresses.
    :param folder: of this machine, for its files.
    :param peers: the Python environment of the tools that PyPI has, if they can be had.
    """

    host: NativeHost
    hosts: NativeHosts
    folder: Path
    peers: Path | None

    def send(self, *paths: Path, to: str = ON_HOST) -> None:
        """Copy files and folders to the host, with their names."""
        there = shlex.quote(to)
        named = (word for path in paths for word in ("-C", str(path.parent), path.name))
        extract = self.host.command(f"mkdir -p {there} && tar -x -C {there}")
        # As one stream: with scp, each of thousands of files takes a round trip.
        run(["sh", "-c", f"tar -c {shlex.join(named)} | {shlex.join(extract)}"], limit=600)

    def write(self, path: str, content: str) -> None:
        """Write a file on the host."""
        where = shlex.quote(path)
        self.host.run(f'mkdir -p "$(dirname {where})" && cat >{where}', stdin=content)


@dataclass(frozen=True)
class Command:
    """A command to time, from its start to its end.

    :param words: that are run here.
    :param environment: variables to add to ours.
    :param until: a piece of its output at which the clock stops and the command is ended; None: at its end.
    :param times: how often that has to have come.
    :param says: a regular expression that its output has to match, beside its status; None: anything.
    """

    words: list[str]
    environment: Mapping[str, str] | None = None
    until: str | None = None
    times: int = 1
    says: str | None = None


class Contestant(ABC):
    """One that competes."""

    name: str
    how: str
    """How it is run, and what is particular about its figures: whole sentences, for the page."""
    kinds: frozenset[LoadKind]
    verbs: frozenset[Verb] = frozenset(VERBS)
    """What it has a command for, or one that can be timed here."""
    from_pypi = False
    """Whether it is one of the tools that PyPI has."""
    versions: tuple[str, ...] = ()
    """Shell commands, on its host, that print the versions of what it is made of."""

    def __init__(self, arena: Arena) -> None:
        self.arena = arena

    def prepare(self) -> None:  # noqa: B027
        """Put in place what it needs, once, before any clock starts; nothing, by default."""

    def before(self, verb: Verb, load: HostLoad) -> None:  # noqa: B027
        """Put in place what a command needs, before its clock starts; nothing, by default."""

    @abstractmethod
    def command(self, verb: Verb, load: HostLoad) -> Command:
        """The command that does it."""

    def on_host(self, script: str) -> Command:
        """The command that runs a shell script on its host."""
        return Command(self.arena.host.command(script))

    def on_host_until(self, script: str, until: str, times: int = 1) -> Command:
        """The command that runs a shell script there until it has said something.

        With a terminal, so that the script is hung up on when we leave.
        """
        ssh, *others = self.arena.host.command(script)
        return Command([ssh, "-tt", *others], until=until, times=times)


def described_version(contestant: Contestant) -> str:
    """The versions of what a contestant is made of; as much as it says."""
    said = []
    for command in contestant.versions:
        try:
            said.append(contestant.arena.host.run(command).strip().splitlines()[0])
        except (LabError, IndexError, subprocess.SubprocessError):
            continue
    return ", ".join(said)
