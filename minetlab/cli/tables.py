"""The terminal that tables are shown on."""

from rich.console import Console
from rich.table import Table

WIDEST = 1000


def console_for(table: Table) -> Console:
    """A console as wide as the table: its names and commands are to be copied, so nothing is cut."""
    console = Console()
    console.width = max(
        console.width, console.measure(table, options=console.options.update(width=WIDEST)).maximum
    )
    return console
