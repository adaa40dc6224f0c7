"""``lab down``: take the lab down, and show what is left of it."""

from pathlib import Path

from rich.console import Console

from minetlab.cli import collect, deploy, students
from minetlab.inventory.load import load
from minetlab.machines.leftovers import leftovers
from minetlab.ssh.ssh_config import write_config
from minetlab.util.limits import Limits
from minetlab.util.names import named

SHOWN = 12
"""Things of a host that are named; of more, there are so many."""


def take_down(inventory_file: Path, logins: list[str], collect_to: Path | None) -> bool:
    """Remove the lab, or only these students' machines; whether nothing is left of that.

    :param collect_to: a folder to bring the students' work to first; nothing is removed if that fails.
    :raises LabError: one of them is not in the roster; nothing has been touched then.
    """
    if collect_to and not collect.collect_work(inventory_file, collect_to, logins or None, Limits()):
        Console(stderr=True).print("nothing was removed, as not all of the work is here")
        return False
    if logins:
        removed = students.change(inventory_file, "remove", logins)
    else:
        removed = deploy.run(inventory_file, "deploys/teardown.py")
    return show_leftovers(inventory_file, logins) and removed


def show_leftovers(inventory_file: Path, logins: list[str]) -> bool:
    """Ask the hosts what they have, and say it; whether that is nothing."""
    loaded = load(inventory_file)
    lab = loaded.lab.name
    found = leftovers(lab, loaded.hosts, write_config(loaded), logins)
    console = Console()
    whose = f"{named(logins)} in the lab {lab}" if logins else f"the lab {lab}"
    for host, things in found.items():
        more = f", and {len(things) - SHOWN} more" if len(things) > SHOWN else ""
        if things:
            console.print(f"[red]left of {whose} on {host}:[/] {', '.join(things[:SHOWN])}{more}")
    if not any(found.values()):
        console.print(f"[green]Nothing is left of {whose}[/] on {named(found)}.")
    return not any(found.values())
