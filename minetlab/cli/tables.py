"""Show tables on the terminal."""

from rich.console import Console
from rich.table import Table

MAX_WIDTH = 1000
"""Columns up to which a table is measured."""


def console_for(table: Table) -> Console:
    """Return a console that is wide enough for the table, so that names and commands to copy are not cut."""
    console = Console()
    unlimited = console.options.update(width=MAX_WIDTH)
    console.width = max(console.width, console.measure(table, options=unlimited).maximum)
    return console
