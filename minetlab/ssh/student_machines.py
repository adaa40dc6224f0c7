"""Run commands on many guests and containers in parallel, over SSH."""

import shlex
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from minetlab.plan import Container, Guest
from minetlab.ssh.run import NoAnswerError, run as run_line
from minetlab.ssh.ssh_config import alias_of
from minetlab.util.process import TooMuchError
from minetlab.util.text import printable

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
    try:
        ended = run_line(
            config, machine.name, line, limit + ANSWER_LIMIT, merge_errors=True, max_bytes=MAX_SHOWN
        )
    except NoAnswerError as error:
        return Answer(machine, f"no answer: {error}", printable(error.output))
    except TooMuchError as error:
        return Answer(machine, str(error), "")
    problems = {0: "", TIMED_OUT: f"not done within {limit:g} s"}
    problem = problems.get(ended.status, f"exit status {ended.status}")
    return Answer(machine, problem, printable(ended.output))


def silent_hosts(config: Path, machines: Collection[StudentMachine]) -> dict[str, str]:
    """Try to reach the hosts of machines, and return for each host that does not answer the reason."""
    hosts = sorted({machine.host for machine in machines})

    def problem_with(host: str) -> tuple[str, str]:
        try:
            run_line(config, alias_of(host), "true", ANSWER_LIMIT)
        except (NoAnswerError, TooMuchError) as error:
            return host, str(error)
        return host, ""

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
