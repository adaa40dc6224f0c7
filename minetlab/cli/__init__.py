"""The ``lab`` command: each sub-command calls one function and shows what came of it."""

import sys

from rich.console import Console

from minetlab.cli.app import app
from minetlab.errors import LabError

__all__ = ["main"]


def main() -> None:
    """Run the command line; an error the user can act on is shown without a traceback."""
    try:
        app()
    except LabError as error:
        Console(stderr=True, highlight=False).print(
            f"[bold red]lab:[/] {error.problem}\n  → {error.next_step}"
        )
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
