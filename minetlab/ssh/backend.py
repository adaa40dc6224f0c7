"""Testinfra connections to the machines of a lab: shared, bounded in time, and sparing with round trips."""

import re
import shlex
from collections.abc import Iterable
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import uuid4

from testinfra.backend.base import BaseBackend, CommandResult
from testinfra.backend.ssh import SshBackend
from testinfra.host import Host

from minetlab.ssh.ssh_config import LOST
from minetlab.util import process

LIMIT = 600.0
"""A command that prints nothing for so many seconds is given up, unless it is run with another limit.

Batches take longest, in a guest that is emulated inside an emulated host.
"""
SHEET_LIMIT = 3600.0
"""The same for a sheet: a command of the TP on emulation boots a machine, while others boot theirs."""
LIMITS_IN_ALL = 10
"""A command that goes on printing is given up after so many times its limit."""
# Prints what each command prints, then a line with $end and its status. It needs no further process: in an
# emulated guest, thirty take a second.
BATCH = """\
each() {
  (eval "$1") 2>/dev/null </dev/null
  printf '\\n%s %s\\n' "$end" $?
}
"""


Read = tuple[str, str, str]
"""What was read of a machine: its alias, a command, and what that printed."""


class UnreachableError(AssertionError):
    """A machine that cannot be looked at; says which, why, and what to do."""


class Utf8(BaseBackend):  # type: ignore[misc]
    """Text as Debian writes it; Testinfra would ask each machine, by a Python that it may not have."""

    def get_encoding(self) -> str:
        """The machine's encoding."""
        return "UTF-8"


class LabSshBackend(Utf8, SshBackend):  # type: ignore[misc]
    """Testinfra's ssh backend, with a limit to its waits and errors for people.

    :param name: an alias of the lab's SSH configuration.
    :param next_step: what to do when it does not answer.
    """

    def __init__(self, name: str, config: Path, *, sudo: bool, next_step: str) -> None:
        # ControlMaster and its kin are in the configuration, so that `ssh -F` and this share connections.
        super().__init__(
            name,
            ssh_config=str(config),
            controlpersist=0,
            timeout=60,
            ssh_extra_args="-o BatchMode=yes",
            sudo=sudo,
        )
        self.next_step = next_step
        self._limit = LIMIT
        self._failure: UnreachableError | None = None

    def run(self, command: str, *args: str, limit: float = LIMIT, **kwargs: Any) -> CommandResult:
        """Run a command there.

        :param limit: seconds for which it may print nothing.
        """
        self._limit = limit
        return super().run(command, *args, **kwargs)

    def start(self, command: str) -> process.Process:
        """Start a command there; the process's output is all that it says."""
        words, args = self._build_ssh_command(self.get_command(command))
        line = self.quote(" ".join(words), *args)
        return process.start(shlex.split(line), stdin=process.PIPE, together=True)

    def run_local(self, command: str, *args: str) -> CommandResult:
        """Run ssh."""
        line = self.quote(command, *args)
        with process.start(shlex.split(line)) as ssh:
            try:
                printed, errors = process.read_to_end(ssh, self._limit, in_all=LIMITS_IN_ALL * self._limit)
            except (TimeoutError, process.TooMuchError) as error:
                raise self._unreachable(str(error)) from None
            finally:
                ssh.kill()  # does nothing to one that has ended
        return self.result(ssh.returncode, line.encode(), printed, errors)

    def run_ssh(self, command: str) -> CommandResult:
        """Run a command there.

        :raises UnreachableError: ssh itself failed; what it said last is the reason. It is not tried again.
        """
        if self._failure:
            raise self._failure
        try:
            return super().run_ssh(command)
        except RuntimeError as error:
            said = [line for line in error.args[0].stderr.splitlines() if line.strip()]
            raise self._unreachable(said[-1] if said else LOST) from None

    def _unreachable(self, reason: str) -> UnreachableError:
        self._failure = UnreachableError(
            f"{self.hostname} cannot be reached over SSH: {reason}\n  → {self.next_step}"
        )
        return self._failure


class BatchingBackend(Utf8):
    """Another backend whose known commands are run together: the first of a batch fetches all of it.

    A round trip through two hops to an emulated guest costs more than most commands. Only success is kept:
    a command that failed is run again by itself when it is asked for, to have its exit status and message.

    :param batches: commands, in sets that are needed together.
    :param transcript: where :meth:`note` keeps what was read.
    """

    NAME = "batching"

    def __init__(
        self, inner: BaseBackend, batches: Iterable[Iterable[str]] = (), transcript: list[Read] | None = None
    ) -> None:
        super().__init__(inner.hostname)
        self.inner = inner
        self.transcript = [] if transcript is None else transcript
        self._batches = [tuple(batch) for batch in batches]
        self._outputs: dict[str, bytes] = {}

    def run(self, command: str, *args: str, **kwargs: Any) -> CommandResult:
        """Run a command, or answer from what its batch has brought."""
        command = self.quote(command, *args)
        for batch in [batch for batch in self._batches if command in batch]:
            self._batches.remove(batch)
            self._fetch(batch)
        if command in self._outputs:
            return self.result(0, command.encode(), self._outputs[command], b"")
        return self.inner.run(command, **kwargs)

    def start(self, command: str) -> process.Process:
        """Start a command that is talked to."""
        started: process.Process = self.inner.start(command)
        return started

    def note(self, command: str, output: str) -> None:
        """Keep what a command printed: the report shows it."""
        self.transcript.append((self.hostname, command, output))

    def together(self, commands: Iterable[str]) -> None:
        """Have these commands fetched together, too, once one of them is asked for.

        Those that have been fetched, or are in another batch, are left out.
        """
        known = {*self._outputs, *chain.from_iterable(self._batches)}
        if batch := tuple(command for command in commands if command not in known):
            self._batches.append(batch)

    def fetch(self) -> None:
        """Fetch every batch now; a machine that cannot be reached says so when it is asked."""
        with suppress(UnreachableError):
            while self._batches:
                self._fetch(self._batches.pop(0))

    def _fetch(self, batch: tuple[str, ...]) -> None:
        end = uuid4().hex
        script = f"end={end}\n{BATCH}" + "".join(f"each {shlex.quote(command)}\n" for command in batch)
        printed = self.inner.run("sh -c %s", script).stdout_bytes
        answers = re.findall(rb"(.*?)\n%s (\d+)\n" % end.encode(), printed, re.DOTALL)
        self._outputs |= {
            command: output
            for command, (output, status) in zip(batch, answers, strict=False)
            if status == b"0"
        }


def connect(backend: BaseBackend, *batches: Iterable[str], transcript: list[Read] | None = None) -> Host:
    """A Testinfra host whose commands of the same batch make one round trip.

    :param transcript: where what is read of it is kept.
    """
    batching = BatchingBackend(backend, batches, transcript)
    host = Host(batching)
    batching.set_host(host)
    return host
