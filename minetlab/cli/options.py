"""Options that several commands have."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from minetlab import reading


def _begun(context: typer.Context, inventory: Path) -> Path:
    """Have it be read while what a command does is imported; completion, which does nothing, needs none."""
    if not context.resilient_parsing:
        reading.begin(inventory)
    return inventory


Inventory = Annotated[Path, typer.Option("--inventory", "-i", help="The lab's inventory.", callback=_begun)]
DEFAULT_INVENTORY = Path("inventories/lab.py")
COMMAND_AT_THE_END = {"allow_interspersed_args": False}
"""Settings of a command that ends with one for a machine, as ssh(1) does: its options are that command's."""


def typed(inventory_file: Path, command: str, *words: str) -> str:
    """A command for the lab of an inventory, as it is typed: it must not reach another lab.

    >>> typed(DEFAULT_INVENTORY, "ssh", "minet-alice")
    './lab ssh minet-alice'
    >>> typed(Path("inventories/production.py"), "ssh", "minet-alice")
    './lab ssh -i inventories/production.py minet-alice'
    """
    which = () if inventory_file == DEFAULT_INVENTORY else ("-i", str(inventory_file))
    return shlex.join(["./lab", command, *which, *words])
