"""Testinfra connections to the machines of a lab: with time limits, and with few round trips."""

import re
import shlex
from collections.abc import Iterable
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

from testinfra.backend.base import BaseBackend, CommandResult
from testinfra.backend.ssh import SshBackend
from testinfra.host import Host

from minetlab.ssh.ssh_config import CONNECTION_LOST
from minetlab.util import process
from minetlab.util.text import last_line, printable

COMMAND_SILENCE_LIMIT = 600.0
"""Seconds for which a command may print nothing, unless it is run with another limit.

Batches take longest, in a guest that is emulated inside an emulated host.
"""
SHEET_LIMIT = 10800.0
"""Seconds for which the commands of a sheet may print nothing; machines end sooner, by limits in ``tp/``."""
STUDENTS_MAX_BYTES = 2**19
"""Bytes that a student's machine may answer to a command or a batch; the longest real one has some 100 KB."""
STUDENTS_MAX_NOTED = 2**14
"""Characters of a student's machine's answer that a report keeps: real ones have some 5000."""
TOTAL_LIMIT_FACTOR = 2
"""A command that goes on printing may take so many times its limit."""
# Prints each command's output, then a line with $end and the command's status. It starts no further process,
# as thirty processes take a second in an emulated guest.
BATCH = """\
run_one() {
  (eval "$1") 2>/dev/null </dev/null
  printf '\\n%s %s\\n' "$end" $?
}
"""


Read = tuple[str, str, str]
"""A command that was run on a machine: the machine's alias, the command, and its output."""


class UnreachableError(AssertionError):
    """A machine cannot be reached; the message says which, why, and what to do."""


class Utf8(BaseBackend):  # type: ignore[misc]
    """A backend that expects UTF-8. Testinfra would find out with Python, which a machine may not have."""

    def decode(self, data: bytes) -> str:
        """Return what a machine printed as text; bytes that are no UTF-8 are replaced."""
        return data.decode(errors="replace")

    def get_encoding(self) -> str:
        """Return the machine's encoding."""
        return "UTF-8"


class LabSshBackend(Utf8, SshBackend):  # type: ignore[misc]
    """Testinfra's ssh backend, with time limits and errors that say what to do.

    :param name: the machine's alias in the SSH configuration.
    :param config: the lab's SSH configuration.
    :param sudo: run commands with sudo.
    :param next_step: what to do if the machine cannot be reached.
    :param max_bytes: how much a command may print.
    """

    def __init__(
        self,
        name: str,
        config: Path,
        *,
        sudo: bool,
        next_step: str,
        max_bytes: int = process.MAX_OUTPUT,
    ) -> None:
        # The configuration sets ControlMaster and ControlPersist, so that `ssh -F` shares these connections.
        super().__init__(
            name,
            ssh_config=str(config),
            controlpersist=0,
            timeout=60,
            ssh_extra_args="-o BatchMode=yes",
            sudo=sudo,
        )
        self.next_step, self.max_bytes = next_step, max_bytes
        self._limit, self._terminal = COMMAND_SILENCE_LIMIT, False
        self._failure: UnreachableError | None = None

    def run(
        self,
        command: str,
        *args: str,
        limit: float = COMMAND_SILENCE_LIMIT,
        terminal: bool = False,
        **kwargs: Any,
    ) -> CommandResult:
        """Run a command on the machine.

        :param command: a shell command; its ``%s`` are replaced by ``args``, quoted.
        :param *args: the values for these.
        :param limit: seconds for which it may print nothing.
        :param terminal: give it a terminal there, as a login has; lines of its output end with CRLF then.
        :param **kwargs: passed on to Testinfra.
        :return: its exit status and output.
        :raises UnreachableError: the machine cannot be reached, or the command took too long.
        """
        self._limit, self._terminal = limit, terminal
        return super().run(command, *args, **kwargs)

    def start(self, command: str, stdin: IO[bytes] | int = process.PIPE) -> process.Process:
        """Start a command on the machine, with a pipe for its output, errors included.

        :param command: the command.
        :param stdin: a file for its standard input, or :data:`PIPE`.
        :return: the process of ssh.
        """
        self._terminal = False
        words, args = self._build_ssh_command(self.get_command(command))
        line = self.quote(" ".join(words), *args)
        return process.start(shlex.split(line), stdin=stdin, merge_errors=True)

    def run_local(self, command: str, *args: str) -> CommandResult:
        """Run ssh on this machine: Testinfra calls this for each command.

        :param command: the ssh command; its ``%s`` are replaced by ``args``, quoted.
        :param *args: the values for these.
        :return: ssh's exit status and output.
        :raises UnreachableError: it took too long or printed too much.
        """
        line = self.quote(command, *args)
        total_limit = TOTAL_LIMIT_FACTOR * self._limit
        with process.start(shlex.split(line)) as ssh:
            try:
                output, errors = process.read_to_end(
                    ssh, self._limit, total_limit=total_limit, max_bytes=self.max_bytes
                )
            except (TimeoutError, process.TooMuchError) as error:
                raise self._unreachable(str(error)) from None
            finally:
                process.end(ssh)
        return self.result(ssh.returncode, line.encode(), output, errors)

    def run_ssh(self, command: str) -> CommandResult:
        """Run a command on the machine; after a failure of ssh, it is not tried again.

        :param command: a shell command.
        :return: its exit status and output.
        :raises UnreachableError: ssh itself failed, now or earlier; its last line is the reason.
        """
        if self._failure:
            raise self._failure
        try:
            return super().run_ssh(command)
        except RuntimeError as error:
            raise self._unreachable(last_line(error.args[0].stderr) or CONNECTION_LOST) from None

    def _build_ssh_command(self, command: str) -> tuple[list[str], list[str]]:
        (ssh, *options), args = super()._build_ssh_command(command)
        return [ssh, *(["-tt"] if self._terminal else []), *options], args

    def _unreachable(self, reason: str) -> UnreachableError:
        self._failure = UnreachableError(
            f"{self.hostname} cannot be reached over SSH: {reason}\n  → {self.next_step}"
        )
        return self._failure


class BatchingBackend(Utf8):
    """A backend that runs commands of a batch together on another backend, when the first of them is run.

    A round trip through two hops to an emulated guest takes longer than most commands. Only the output of
    commands that succeed is kept. A command that failed is run again by itself when it is asked for, which
    gives its exit status and message.

    :param inner: the backend that runs commands.
    :param batches: sets of commands; those of a set are needed together.
    :param transcript: the list to which :meth:`note` appends; None: a new one.
    :param max_noted: how many characters of an output are noted; None: all.
    """

    NAME = "batching"

    def __init__(
        self,
        inner: BaseBackend,
        batches: Iterable[Iterable[str]] = (),
        transcript: list[Read] | None = None,
        max_noted: int | None = None,
    ) -> None:
        super().__init__(inner.hostname)
        self.inner, self.max_noted = inner, max_noted
        self.transcript = [] if transcript is None else transcript
        self._batches = [tuple(batch) for batch in batches]
        self._outputs: dict[str, bytes] = {}

    def run(self, command: str, *args: str, **kwargs: Any) -> CommandResult:
        """Run a command, or return its output if its batch has fetched it."""
        command = self.quote(command, *args)
        for batch in [batch for batch in self._batches if command in batch]:
            self._batches.remove(batch)
            self._fetch(batch)
        if command in self._outputs:
            return self.result(0, command.encode(), self._outputs[command], b"")
        return self.inner.run(command, **kwargs)

    def start(self, command: str, stdin: IO[bytes] | int = process.PIPE) -> process.Process:
        """Start a command, to read its output and write to it while it runs."""
        started: process.Process = self.inner.start(command, stdin)
        return started

    def note(self, command: str, output: str) -> None:
        """Append a command and its output to the transcript, for the report, as they can be shown."""
        self.transcript.append((self.hostname, command, printable(output, self.max_noted)))

    def add_batch(self, commands: Iterable[str]) -> None:
        """Add a batch of those of these commands that are not fetched yet and in no other batch."""
        present = {*self._outputs, *chain.from_iterable(self._batches)}
        if batch := tuple(command for command in commands if command not in present):
            self._batches.append(batch)

    def fetch(self) -> None:
        """Run every batch now; if the machine cannot be reached, only later commands raise an error."""
        with suppress(UnreachableError):
            while self._batches:
                self._fetch(self._batches.pop(0))

    def _fetch(self, batch: tuple[str, ...]) -> None:
        end = uuid4().hex
        script = f"end={end}\n{BATCH}" + "".join(f"run_one {shlex.quote(command)}\n" for command in batch)
        parts = re.split(rb"\n%s (\d+)\n" % end.encode(), self.inner.run("sh -c %s", script).stdout_bytes)
        for command, output, status in zip(batch, parts[::2], parts[1::2], strict=False):
            if status == b"0":
                self._outputs[command] = output


def connect(
    backend: BaseBackend,
    *batches: Iterable[str],
    transcript: list[Read] | None = None,
    max_noted: int | None = None,
) -> Host:
    """Make a Testinfra host that runs the commands of a batch in one round trip.

    :param backend: the connection to the machine.
    :param *batches: sets of commands; those of a set are needed together.
    :param transcript: the list that commands and outputs are appended to; None: a new one.
    :param max_noted: how many characters of an output are noted in it; None: all.
    :return: the host; its backend is a :class:`BatchingBackend`.
    """
    batching = BatchingBackend(backend, batches, transcript, max_noted)
    host = Host(batching)
    batching.set_host(host)
    return host
