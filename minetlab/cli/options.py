"""Options that several commands share."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from minetlab.inventory.hosts import DEFAULT_INVENTORY, begin_to_read
from minetlab.util.errors import LabError


def _start_reading(context: typer.Context, inventory: Path) -> Path:
    # pyinfra reads the inventory while the command's module is imported. Completion does not always need it.
    if not context.resilient_parsing:
        begin_to_read(inventory)
    return inventory


Inventory = Annotated[
    Path, typer.Option("--inventory", "-i", help="The lab's inventory.", callback=_start_reading)
]
OutputFolder = Annotated[Path, typer.Option("--output", "-o", help="The folder to write to.")]
COMMAND_AT_THE_END = {"allow_interspersed_args": False}
"""Settings of commands whose last arguments are a command for a machine, as in ssh(1), with its options."""


def command_of(words: list[str] | None) -> list[str]:
    """Check the command for a machine, which is at the end of a command line.

    :param words: the rest of the command line after the machine's name; None if there is nothing.
    :return: the same words; empty if there are none.
    :raises LabError: it begins with an option: no program has such a name, so it was meant for ``lab``.
    """
    if words and words[0].startswith("-"):
        raise LabError(
            f"{words[0]} comes after the machine's name, where the command for the machine begins",
            next_step="put options before the name, as in ./lab ssh -i inventories/production.py alice",
        )
    return words or []


def lab_command(inventory_file: Path, command: str, *words: str) -> str:
    """Return a ``lab`` command to show to the user; it names the inventory, unless that is the default.

    :param inventory_file: the inventory of the lab that the command is for.
    :param command: such as ``ssh`` or ``sandbox save``.
    :param *words: its arguments.
    :return: the line to type.

    >>> lab_command(DEFAULT_INVENTORY, "ssh", "minet-alice")
    './lab ssh minet-alice'
    >>> lab_command(Path("inventories/production.py"), "ssh", "minet-alice")
    './lab ssh -i inventories/production.py minet-alice'
    >>> lab_command(DEFAULT_INVENTORY, "sandbox restore", "before-tp2")
    './lab sandbox restore before-tp2'
    """
    option = () if inventory_file == DEFAULT_INVENTORY else ("-i", str(inventory_file))
    return shlex.join(["./lab", *command.split(), *option, *words])
