"""Run a shell command on a machine over SSH, with limits to its time and output."""

from pathlib import Path
from typing import IO

from minetlab.ssh.ssh_config import CONNECTION_LOST, ssh_command
from minetlab.util.process import MAX_OUTPUT, ProgramResult, capture
from minetlab.util.text import last_line

SSH_FAILED = 255
"""The exit status of ssh(1) if ssh itself fails."""


class NoAnswerError(Exception):
    """A machine was not reached, or not until the line had ended; the message says why.

    :param reason: why, for people to read.
    :param output: what had come until then; empty if it took too long.
    """

    def __init__(self, reason: str, output: str = "") -> None:
        super().__init__(reason)
        self.output = output


def run(
    config: Path,
    alias: str,
    line: str,
    limit: float,
    *,
    stdin: str = "",
    output_file: IO[bytes] | None = None,
    merge_errors: bool = False,
    max_bytes: int = MAX_OUTPUT,
) -> ProgramResult:
    """Have a machine's shell run a line.

    :param config: the lab's SSH configuration.
    :param alias: the machine's alias in it.
    :param line: what the shell is to run.
    :param limit: seconds that it may take, with the time to connect.
    :param stdin: the line's standard input.
    :param output_file: a file to write its standard output to, instead of returning it.
    :param merge_errors: have its standard error go to its standard output.
    :param max_bytes: how much it may print, on standard output and standard error together.
    :return: how it ended.
    :raises LabError: ssh is not installed.
    :raises NoAnswerError: ssh itself failed, or it took longer than ``limit``.
    :raises TooMuchError: it printed more than ``max_bytes``.
    """
    try:
        ended = capture(
            ssh_command(config, alias, line),
            limit,
            stdin=stdin,
            output_file=output_file,
            merge_errors=merge_errors,
            max_bytes=max_bytes,
        )
    except TimeoutError:
        raise NoAnswerError(f"not done within {limit:g} s") from None
    if ended.status == SSH_FAILED:
        raise NoAnswerError(last_line(ended.errors or ended.output) or CONNECTION_LOST, ended.output)
    return ended
