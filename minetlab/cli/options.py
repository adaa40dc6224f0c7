"""Options that several commands have."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from minetlab.inventory.hosts import begin_to_read
from minetlab.util.errors import LabError


def _begun(context: typer.Context, inventory: Path) -> Path:
    """Have it be read while what a command does is imported; completion, which does nothing, needs none."""
    if not context.resilient_parsing:
        begin_to_read(inventory)
    return inventory


Inventory = Annotated[Path, typer.Option("--inventory", "-i", help="The lab's inventory.", callback=_begun)]
DEFAULT_INVENTORY = Path("inventories/lab.py")
COMMAND_AT_THE_END = {"allow_interspersed_args": False}
"""Settings of a command that ends with one for a machine, as ssh(1) does: its options are that command's."""


def command_of(words: list[str] | None) -> list[str]:
    """The command at the end of a command line.

    :raises LabError: it begins with an option, which was meant for ``lab``: no program has such a name.
    """
    if words and words[0].startswith("-"):
        raise LabError(
            f"{words[0]} stands after the machine's name, where the command for it begins",
            next_step="put options before the name, as in ./lab ssh -i inventories/production.py alice",
        )
    return words or []


def typed(inventory_file: Path, command: str, *words: str) -> str:
    """A command for the lab of an inventory, as it is typed: it must not reach another lab.

    >>> typed(DEFAULT_INVENTORY, "ssh", "minet-alice")
    './lab ssh minet-alice'
    >>> typed(Path("inventories/production.py"), "ssh", "minet-alice")
    './lab ssh -i inventories/production.py minet-alice'
    """
    which = () if inventory_file == DEFAULT_INVENTORY else ("-i", str(inventory_file))
    return shlex.join(["./lab", command, *which, *words])
