"""Run a shell command on a machine over SSH, with limits to its time and output."""

from pathlib import Path
from typing import IO

from minetlab.ssh.ssh_config import ssh_command
from minetlab.util.process import MAX_OUTPUT, ProgramResult, capture


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
    :return: how it ended; the exit status is 255 if ssh itself failed (ssh(1)).
    :raises LabError: ssh is not installed.
    :raises TimeoutError: it took longer than ``limit``.
    :raises TooMuchError: it printed more than ``max_bytes``.
    """
    return capture(
        ssh_command(config, alias, line),
        limit,
        stdin=stdin,
        output_file=output_file,
        merge_errors=merge_errors,
        max_bytes=max_bytes,
    )
