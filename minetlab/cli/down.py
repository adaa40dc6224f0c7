"""``lab down``: take the lab down, and show what is left of it."""

from pathlib import Path

from rich.text import Text

from minetlab.cli import collect, deploy, students
from minetlab.cli.terminal import console
from minetlab.inventory.load import load
from minetlab.machines.leftovers import leftovers
from minetlab.ssh.ssh_config import write_config
from minetlab.util.limits import Limits
from minetlab.util.names import named

SHOWN = 12
"""Leftovers of a host that are listed; of the others, only the number is shown."""


def take_down(inventory_file: Path, logins: list[str], collect_to: Path | None) -> bool:
    """Remove the lab, or only some students' machines, and show what is left of it.

    :param inventory_file: the inventory of the lab.
    :param logins: the students; empty: the whole lab.
    :param collect_to: the folder to collect the students' work in before; None: do not collect it. Nothing is
        removed if some of it cannot be collected.
    :return: whether nothing is left.
    :raises LabError: a student is not in the roster; nothing has been touched then.
    """
    if collect_to and not collect.collect_work(inventory_file, collect_to, logins or None, Limits()):
        console(errors=True).print("nothing was removed, as not all work could be collected")
        return False
    if logins:
        removed = students.change(inventory_file, "remove", logins)
    else:
        removed = deploy.run(inventory_file, "deploys/teardown.py")
    return show_leftovers(inventory_file, logins) and removed


def show_leftovers(inventory_file: Path, logins: list[str]) -> bool:
    """Show what is left on the hosts, of the lab or only of some students; return whether nothing is left."""
    loaded = load(inventory_file)
    lab = loaded.lab.name
    left_on = leftovers(lab, loaded.hosts, write_config(loaded), logins)
    terminal = console()
    owner = f"{named(logins)} in the lab {lab}" if logins else f"the lab {lab}"
    for host, things in left_on.items():
        more = f", and {len(things) - SHOWN} more" if len(things) > SHOWN else ""
        if things:
            words = f" {', '.join(things[:SHOWN])}{more}"
            terminal.print(Text.assemble((f"left of {owner} on {host}:", "red"), words))
    if any(left_on.values()):
        return False
    terminal.print(Text.assemble((f"Nothing is left of {owner}", "green"), f" on {named(left_on)}."))
    return True
