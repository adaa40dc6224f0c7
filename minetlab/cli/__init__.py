"""The ``lab`` command: one module for each of its commands, built on the other packages."""

import sys

import typer

from minetlab.cli.app import app
from minetlab.util.errors import LabError

__all__ = ["main"]


def main() -> None:
    """Run the command line; show an error that the user can solve without a traceback."""
    try:
        app()
    except LabError as error:
        typer.secho("lab: ", fg="red", bold=True, nl=False, err=True)
        typer.echo(error, err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
