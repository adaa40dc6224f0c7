"""``lab status``: what stands on the hosts, now."""

import json
import time
from dataclasses import asdict
from pathlib import Path

import typer
from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from minetlab.cli.tables import console_for
from minetlab.inventory.load import load
from minetlab.machines import publication
from minetlab.machines.status import MISSING, RUNNING, SILENT, MachineState, states
from minetlab.resources.guests_run import SETTING
from minetlab.ssh.ssh_config import write_config

INTERVAL = 5.0
"""Seconds between two looks."""
COLOURS = {RUNNING: "green", MISSING: "red", SILENT: "red"}


def show(inventory_file: Path, *, as_json: bool = False, watch: bool = False, publish: bool = False) -> bool:
    """Show every guest and container; whether each that is to run does, and all of them are planned.

    :param as_json: print a list of objects, one a machine, with the fields of
        :class:`minetlab.machines.status.MachineState`.
    :param watch: show it again every few seconds, until it is interrupted.
    :param publish: have the TP site show it to the instructor; each time, if it is watched.
    :raises LabError: it cannot be published, as nobody serves the site.
    """
    loaded = load(inventory_file)
    lab, config = loaded.lab, write_config(loaded)

    sites = publication.serving(lab, loaded.hosts) if publish else ()

    def look() -> tuple[tuple[MachineState, ...], tuple[str, ...]]:
        began = time.monotonic()
        found = states(lab, loaded.plan, loaded.hosts, config)
        return found, publication.publish(lab.name, found, sites, config, began)

    found, problems = look()
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in found], indent=1, ensure_ascii=False))
    elif not watch:
        table = _table(lab.name, found)
        console_for(table).print(table)
    else:
        with Live(_watched(lab.name, found, problems), auto_refresh=False) as live:
            while True:
                time.sleep(INTERVAL)
                live.update(_watched(lab.name, *look()), refresh=True)
    for problem in problems:
        Console(stderr=True).print(_red(problem), soft_wrap=True)
    return not problems and all(each.fine for each in found)


def _watched(lab: str, found: tuple[MachineState, ...], problems: tuple[str, ...]) -> Group:
    return Group(_table(lab, found), *map(_red, problems))


def _red(problem: str) -> str:
    return f"[red]{escape(problem)}[/]"


def _table(lab: str, found: tuple[MachineState, ...]) -> Table:
    running = sum(each.state == RUNNING for each in found if each.planned)
    planned = sum(each.planned for each in found)
    off = sum(each.kept_off for each in found)
    rest = f", {off} intentionally off" if off else ""
    title = f"lab {lab}: {running} of {planned} machines running{rest}, {time.strftime('%H:%M:%S')}"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for column in ("host", "machine", "student", "address", "accelerator", "state"):
        table.add_column(column, no_wrap=True)
    for each in found:
        state = f"[{COLOURS.get(each.state, 'yellow')}]{each.state}[/]"
        if each.kept_off:
            state = f"{each.state}, as {SETTING}"
        if not each.planned:
            state += ", [yellow]not in the roster[/]"
        table.add_row(each.host, each.name, each.student, each.address, each.accelerator, state)
    return table
