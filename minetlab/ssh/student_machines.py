"""Run commands on many guests and containers in parallel, over SSH."""

import re
import shlex
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from minetlab.plan import Container, Guest
from minetlab.ssh.run import run as run_line
from minetlab.ssh.ssh_config import CONNECTION_LOST, alias_of
from minetlab.util.process import TooMuchError

StudentMachine = Guest | Container
Item = TypeVar("Item")
Result = TypeVar("Result")

CONNECTIONS = 8
"""Connections that are made in parallel: sshd begins to refuse at ten (MaxStartups in sshd_config(5))."""
ANSWER_LIMIT = 120.0
"""Seconds that a machine may take to answer, in addition to those of the command."""
MAX_SHOWN = 2**20
"""Bytes that a command on a student's machine may print."""
TIMED_OUT = 124
"""The exit status of timeout(1) if the command took too long."""
SSH_FAILED = 255
"""The exit status of ssh(1) if ssh itself fails."""
# All control characters but line feed and tab, so that a student's machine cannot control this terminal.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Answer:
    """The result of a command on a machine.

    :param machine: where it ran.
    :param problem: why it did not succeed, to show to a user; empty if it succeeded.
    :param output: what it printed, errors included.
    """

    machine: StudentMachine
    problem: str
    output: str


def command_line(machine: StudentMachine, command: str, limit: float, *, root: bool = False) -> str:
    """Return the line with which a machine runs a command as its student, in the student's login shell.

    timeout(1) ends the command on the machine, as it would go on if only the connection ended.

    :param machine: where it is to run.
    :param command: a command of the login shell.
    :param limit: seconds that the command may take.
    :param root: run it as root; only guests have a way to.
    :return: the line for :func:`run`.
    """
    bounded = f'timeout --kill-after=5 {limit:g} "${{SHELL:-/bin/sh}}" -c {shlex.quote(command)}'
    if isinstance(machine, Container):
        return bounded
    user = "root" if root else machine.student.login
    return shlex.join(["sudo", "-n", "runuser", "--login", user, "--command", bounded])


def run(config: Path, machine: StudentMachine, line: str, limit: float) -> Answer:
    """Have a machine run a line.

    :param config: the lab's SSH configuration.
    :param machine: where to run it.
    :param line: a line for its shell, such as :func:`command_line` makes it.
    :param limit: seconds that the line may take on the machine.
    :return: what it printed, and whether it succeeded.
    """
    total = limit + ANSWER_LIMIT
    try:
        ended = run_line(config, machine.name, line, total, merge_errors=True, max_bytes=MAX_SHOWN)
    except TimeoutError:
        return Answer(machine, f"no answer within {total:.0f} s", "")
    except TooMuchError as error:
        return Answer(machine, str(error), "")
    output = printable(ended.output)
    return Answer(machine, problem_of(ended.status, output, limit), output)


def problem_of(status: int, output: str, limit: float) -> str:
    """Explain the exit status of a line that :func:`command_line` has made.

    :param status: the exit status of ssh.
    :param output: what was printed.
    :param limit: the command's limit in seconds.
    :return: the problem, to show to a user; empty if the command succeeded.
    """
    if status == SSH_FAILED:
        return f"no answer: {last_line(output) or CONNECTION_LOST}"
    if status == TIMED_OUT:
        return f"not done within {limit:g} s"
    return f"exit status {status}" if status else ""


def silent_hosts(config: Path, machines: Collection[StudentMachine]) -> dict[str, str]:
    """Try to reach the hosts of machines, and return for each host that does not answer the reason."""
    hosts = sorted({machine.host for machine in machines})

    def problem_with(host: str) -> tuple[str, str]:
        try:
            ended = run_line(config, alias_of(host), "true", ANSWER_LIMIT)
        except TimeoutError:
            return host, f"no answer within {ANSWER_LIMIT:.0f} s"
        except TooMuchError as error:
            return host, str(error)
        if ended.status == 0:
            return host, ""
        return host, last_line(printable(ended.errors)) or f"ssh ended with {ended.status}"

    return {host: problem for host, problem in in_parallel(problem_with, hosts) if problem}


def in_parallel(
    work: Callable[[Item], Result], items: Collection[Item], workers: int = CONNECTIONS
) -> Iterator[Result]:
    """Call a function for many items in parallel threads.

    :param work: the function.
    :param items: its arguments, one for each call.
    :param workers: how many threads there are.
    :yields: the results, in the order in which the calls end.
    """
    with ThreadPoolExecutor(max_workers=workers) as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            for future in futures:
                future.cancel()  # after an interruption, do not begin the remaining calls


def printable(text: str) -> str:
    """Return a machine's output without characters that control the terminal on which it is shown."""
    return CONTROL.sub("", text)


def first_line(text: str) -> str:
    """Return the first line that is not blank, or an empty string."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def last_line(text: str) -> str:
    """Return the last line that is not blank, or an empty string."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
