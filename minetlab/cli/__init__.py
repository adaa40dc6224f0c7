"""The ``lab`` command: one module for each of its commands, built on the other packages."""

import signal
import sys

import typer

from minetlab.cli.app import app
from minetlab.util.errors import LabError

__all__ = ["main"]


def main() -> None:
    """Run the command line; show an error that the user can solve without a traceback."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        # nohup(1) has set what is ignored to be so.
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end)
    try:
        app()
    except LabError as error:
        typer.secho("lab: ", fg="red", bold=True, nl=False, err=True)
        typer.echo(error, err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _end(number: int, _frame: object) -> None:
    """End this process as Ctrl-C does: what it has started is cleared up."""
    sys.exit(128 + number)
