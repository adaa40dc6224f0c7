"""The ``lab`` command: a file a command, each calls one function and shows what came of it."""

import sys

import typer

from minetlab.cli.app import app
from minetlab.util.errors import LabError

__all__ = ["main"]


def main() -> None:
    """Run the command line; an error the user can act on is shown without a traceback."""
    try:
        app()
    except LabError as error:
        typer.secho("lab: ", fg="red", bold=True, nl=False, err=True)
        typer.echo(error, err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
