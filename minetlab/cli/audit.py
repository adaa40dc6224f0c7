"""``lab audit``: what is weak in a running lab."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import typer
from rich.table import Table
from rich.text import Text

from minetlab.audit import audit
from minetlab.audit.weaknesses import Weakness, Weight
from minetlab.cli.tables import table_of
from minetlab.cli.terminal import console
from minetlab.inventory.load import load
from minetlab.ssh.ssh_config import write_config

WEIGHT_COLOURS = {Weight.HIGH: "red", Weight.MEDIUM: "yellow", Weight.LOW: "cyan"}


def show(inventory_file: Path, *, as_json: bool = False) -> bool:
    """Look at a running lab from every side, and show what is weak.

    :param inventory_file: the inventory of the lab.
    :param as_json: print a list of objects, one for each weakness, with the fields of
        :class:`minetlab.audit.weaknesses.Weakness`.
    :return: whether nothing is weak.
    :raises LabError: the inventory or the roster is wrong.
    """
    loaded = load(inventory_file)
    weaknesses = audit(loaded, write_config(loaded))
    if as_json:
        typer.echo(json.dumps([asdict(weakness) for weakness in weaknesses], indent=1, ensure_ascii=False))
    elif weaknesses:
        console().print(_table(loaded.lab.name, weaknesses))
    else:
        console().print(f"Nothing weak was found in the lab {loaded.lab.name}.", style="green")
    return not weaknesses


def _table(lab: str, weaknesses: Iterable[Weakness]) -> Table:
    table = table_of("machine", "rule", "weight", title=f"lab {lab}", title_justify="left")
    table.add_column("found")
    for weakness in weaknesses:
        weight = Text(weakness.weight, style=WEIGHT_COLOURS[weakness.weight])
        words = f"{weakness.problem}\n→ {weakness.next_step}"
        table.add_row(weakness.machine, weakness.rule, weight, words)
    return table
