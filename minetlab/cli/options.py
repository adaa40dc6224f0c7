"""Options that several commands have."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

Inventory = Annotated[Path, typer.Option("--inventory", "-i", help="The lab's inventory.")]
DEFAULT_INVENTORY = Path("inventories/lab.py")


def typed(inventory_file: Path, command: str, *words: str) -> str:
    """A command for the lab of an inventory, as it is typed: it must not reach another lab.

    >>> typed(DEFAULT_INVENTORY, "ssh", "minet-alice")
    './lab ssh minet-alice'
    >>> typed(Path("inventories/production.py"), "ssh", "minet-alice")
    './lab ssh -i inventories/production.py minet-alice'
    """
    which = () if inventory_file == DEFAULT_INVENTORY else ("-i", str(inventory_file))
    return shlex.join(["./lab", command, *which, *words])
