"""The base class of contestants: the commands to time, and what has to be ready before the clock starts."""

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
"""The folder on each host with the files of ``on_host``."""
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Arena:
    """What a contestant works with.

    :param host: the host that it has for itself, prepared like those of the others.
    :param hosts: all hosts, with keys and addresses.
    :param folder: a folder on this machine for its files.
    :param peers: the Python environment of the tools from PyPI; None if they cannot be installed.
    """

    host: NativeHost
    hosts: NativeHosts
    folder: Path
    peers: Path | None

    def send(self, *paths: Path, to: str = ON_HOST) -> None:
        """Copy files and folders to the host, with their names."""
        target = shlex.quote(to)
        arguments = (word for path in paths for word in ("-C", str(path.parent), path.name))
        extract = self.host.command(f"mkdir -p {target} && tar -x -C {target}")
        # As one stream: with scp, each of thousands of files takes a round trip.
        run(["sh", "-c", f"tar -c {shlex.join(arguments)} | {shlex.join(extract)}"], limit=600)

    def write(self, path: str, content: str) -> None:
        """Write a file on the host."""
        target = shlex.quote(path)
        self.host.run(f'mkdir -p "$(dirname {target})" && cat >{target}', stdin=content)


@dataclass(frozen=True)
class Command:
    """A command to time, from its start to its end.

    :param words: the words of the command, which runs on this machine.
    :param environment: variables to add to the environment of this process.
    :param until: a text in its output at which the clock stops and the command is killed; None: the clock
        stops when the command ends.
    :param times: how many lines have to contain ``until``.
    :param says: a regular expression that its output has to match; None: any output will do.
    """

    words: list[str]
    environment: Mapping[str, str] | None = None
    until: str | None = None
    times: int = 1
    says: str | None = None


class Contestant(ABC):
    """A tool that takes part in the comparison."""

    name: str
    how: str
    """How it is run, and what is particular about its figures, in whole sentences, for the page."""
    kinds: frozenset[LoadKind]
    verbs: frozenset[Verb] = frozenset(VERBS)
    """The verbs for which it has a command that can be timed here."""
    from_pypi = False
    """Whether it is installed from PyPI."""
    versions: tuple[str, ...] = ()
    """Shell commands that print the versions of the tool and its parts on its host."""

    def __init__(self, arena: Arena) -> None:
        self.arena = arena

    def prepare(self) -> None:  # noqa: B027
        """Prepare the host once, before any command is timed; by default, do nothing."""

    def before(self, verb: Verb, load: HostLoad) -> None:  # noqa: B027
        """Prepare the host for a command, before its clock starts; by default, do nothing."""

    @abstractmethod
    def command(self, verb: Verb, load: HostLoad) -> Command:
        """Return the command to time for a verb and a load."""

    def on_host(self, script: str) -> Command:
        """Return the command that runs a shell script on the host."""
        return Command(self.arena.host.command(script))

    def on_host_until(self, script: str, until: str, times: int = 1) -> Command:
        """Return the command that runs a shell script on the host until its output contains a text."""
        ssh, *arguments = self.arena.host.command(script)
        # With a terminal, so that the script is hung up when ssh is killed.
        return Command([ssh, "-tt", *arguments], until=until, times=times)


def described_version(contestant: Contestant) -> str:
    """Return the versions of a contestant's parts, as far as they can be found out."""
    versions = []
    for command in contestant.versions:
        try:
            versions.append(contestant.arena.host.run(command).strip().splitlines()[0])
        except (LabError, IndexError, subprocess.SubprocessError):
            continue
    return ", ".join(versions)
