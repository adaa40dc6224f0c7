"""Show tables on the terminal."""

from typing import Any

from rich import box
from rich.console import Console
from rich.table import Column, Table

from minetlab.cli.terminal import console

MAX_WIDTH = 1000
"""Columns up to which a table is measured."""


def table_of(*columns: str, **options: Any) -> Table:
    """Return a table without rows, whose cells stay on one line; the options are those of rich's tables."""
    return Table(*(Column(name, no_wrap=True) for name in columns), box=box.SIMPLE_HEAD, **options)


def console_for(table: Table) -> Console:
    """Return a console that is wide enough for the table, so that names and commands to copy are not cut."""
    wide = console()
    unlimited = wide.options.update(width=MAX_WIDTH)
    wide.width = max(wide.width, wide.measure(table, options=unlimited).maximum)
    return wide
