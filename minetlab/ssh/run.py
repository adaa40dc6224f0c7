"""Run a line on a machine over SSH: the one place that does, with a limit to time and output."""

from pathlib import Path
from typing import IO

from minetlab.ssh.ssh_config import ssh_command
from minetlab.util.process import MOST, Ended, capture


def run(
    config: Path,
    alias: str,
    line: str,
    limit: float,
    *,
    given: str = "",
    to: IO[bytes] | None = None,
    together: bool = False,
    most: int = MOST,
) -> Ended:
    """Have the shell of a machine run a line. Its exit status is 255 where ssh itself failed (ssh(1)).

    :param config: the lab's SSH configuration.
    :param alias: the machine, as that names it.
    :param limit: seconds until it has to be done.
    :param given: the line's standard input.
    :param to: a file for what it prints, which is not returned then.
    :param together: whether errors are to be among the output, in their order.
    :param most: bytes that it may print.
    :raises TimeoutError: it was not done in time.
    :raises TooMuchError: it printed more than that.
    """
    return capture(ssh_command(config, alias, line), limit, given=given, to=to, together=together, most=most)
