"""Commands on many guests and containers at a time, over the lab's SSH configuration."""

import re
import shlex
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from minetlab.plan import Container, Guest
from minetlab.ssh.run import run as run_line
from minetlab.ssh.ssh_config import LOST, alias_of
from minetlab.util.process import TooMuchError

StudentMachine = Guest | Container
Item = TypeVar("Item")
Result = TypeVar("Result")

AT_ONCE = 8
"""Connections that are made side by side: sshd begins to refuse at ten (MaxStartups in sshd_config(5))."""
TO_ANSWER = 120.0
"""Seconds that a machine has to answer at all, on top of those a command may take."""
MOST_SHOWN = 2**20
"""Bytes that are taken of what a student's machine prints."""
NOT_IN_TIME = 124
"""What timeout(1) ends with where the time is over."""
UNREACHABLE = 255
"""What ssh(1) ends with where it fails itself."""
# All control characters but the line feed and the tab: what a student's machine prints moves no cursor here.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Answer:
    """What came of a command on a machine.

    :param problem: why it did not succeed, for people; empty: it did.
    :param output: what it printed, errors among it.
    """

    machine: StudentMachine
    problem: str
    output: str


def line_of(machine: StudentMachine, command: str, limit: float, *, root: bool = False) -> str:
    """The line by which a machine runs a command as its student, in their own login shell.

    The time is kept there, as ending the connection alone would leave the command running.

    :param command: of that shell's language.
    :param limit: seconds.
    :param root: run it as root, which is possible in guests only.
    """
    bounded = f'timeout --kill-after=5 {limit:g} "${{SHELL:-/bin/sh}}" -c {shlex.quote(command)}'
    if isinstance(machine, Container):
        return bounded
    user = "root" if root else machine.student.login
    return shlex.join(["sudo", "-n", "runuser", "--login", user, "--command", bounded])


def run(config: Path, machine: StudentMachine, line: str, limit: float) -> Answer:
    """Have a machine run a line.

    :param limit: seconds that the line may take there.
    """
    try:
        ended = run_line(config, machine.name, line, limit + TO_ANSWER, together=True, most=MOST_SHOWN)
    except TimeoutError:
        return Answer(machine, f"no answer within {limit + TO_ANSWER:.0f} s", "")
    except TooMuchError as error:
        return Answer(machine, str(error), "")
    output = printable(ended.output)
    return Answer(machine, problem_of(ended.status, output, limit), output)


def problem_of(status: int, said: str, limit: float) -> str:
    """What the exit status of an ssh means, for people; empty for success.

    :param said: what it printed.
    """
    if status == UNREACHABLE:
        return f"no answer: {last_line(said) or LOST}"
    if status == NOT_IN_TIME:
        return f"not done within {limit:g} s"
    return f"exit status {status}" if status else ""


def silent_hosts(config: Path, machines: Collection[StudentMachine]) -> dict[str, str]:
    """The hosts of these machines that do not answer, with why: none of those is waited for."""
    hosts = sorted({machine.host for machine in machines})

    def ask(host: str) -> tuple[str, str]:
        try:
            ended = run_line(config, alias_of(host), "true", TO_ANSWER)
        except TimeoutError:
            return host, f"no answer within {TO_ANSWER:.0f} s"
        except TooMuchError as error:
            return host, str(error)
        said = last_line(printable(ended.errors))
        return host, (said or f"ssh ended with {ended.status}") if ended.status else ""

    return {host: problem for host, problem in at_once(ask, hosts) if problem}


def at_once(
    work: Callable[[Item], Result], items: Collection[Item], workers: int = AT_ONCE
) -> Iterator[Result]:
    """The results of some work on each item, as they come; so many are worked on side by side."""
    with ThreadPoolExecutor(max_workers=workers) as pool:
        started = [pool.submit(work, item) for item in items]
        try:
            for done in as_completed(started):
                yield done.result()
        finally:
            for each in started:
                each.cancel()  # interrupted: what has not begun does not


def printable(text: str) -> str:
    """A machine's words, without what would do something to the terminal that they are shown on."""
    return CONTROL.sub("", text)


def first_line(text: str) -> str:
    """The first line that says something."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def last_line(text: str) -> str:
    """The last line that says something."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
