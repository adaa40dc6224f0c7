"""``lab status``: the present state of every guest and container."""

import json
import time
from dataclasses import asdict
from pathlib import Path

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from minetlab.cli.tables import console_for, table_of
from minetlab.cli.terminal import console
from minetlab.inventory.load import load
from minetlab.machines import publication
from minetlab.machines.status import MISSING, RUNNING, SILENT, MachineState, states
from minetlab.resources.guests import GUESTS_RUN_OFF
from minetlab.ssh.ssh_config import write_config
from minetlab.util.errors import LabError

WATCH_INTERVAL = 5.0
"""Seconds between two updates."""
STATE_COLOURS = {RUNNING: "green", MISSING: "red", SILENT: "red"}


def show(inventory_file: Path, *, as_json: bool = False, watch: bool = False, publish: bool = False) -> bool:
    """Show the state of every guest and container.

    :param inventory_file: the inventory of the lab.
    :param as_json: print a list of objects, one for each machine, with the fields of
        :class:`minetlab.machines.status.MachineState`.
    :param watch: update the table every few seconds, until the command is interrupted.
    :param publish: also show the state to the instructor on the TP site, at each update.
    :return: whether every machine is as planned, and the state could be published if asked for.
    :raises LabError: the state cannot be published, as no host serves the TP site; or JSON is to be
        watched.
    """
    if as_json and watch:
        raise LabError(
            "--watch shows a table, and --json does not", next_step="leave one of these options out"
        )
    loaded = load(inventory_file)
    lab, config = loaded.lab, write_config(loaded)
    sites = publication.hosts_serving_site(lab, loaded.hosts) if publish else ()

    def ask_hosts() -> tuple[tuple[MachineState, ...], tuple[str, ...]]:
        start = time.monotonic()
        machines = states(lab, loaded.plan, loaded.hosts, config)
        return machines, publication.publish(lab.name, machines, sites, config, start)

    machines, problems = ask_hosts()
    if as_json:
        typer.echo(json.dumps([asdict(machine) for machine in machines], indent=1, ensure_ascii=False))
    elif not watch:
        table = _table(lab.name, machines)
        console_for(table).print(table)
    else:
        with Live(
            _table_with_problems(lab.name, machines, problems), auto_refresh=False, console=console()
        ) as live:
            while True:
                time.sleep(WATCH_INTERVAL)
                live.update(_table_with_problems(lab.name, *ask_hosts()), refresh=True)
    for problem in problems:
        console(errors=True, soft_wrap=True).print(_red(problem))
    return not problems and all(machine.fine for machine in machines)


def _table_with_problems(lab: str, machines: tuple[MachineState, ...], problems: tuple[str, ...]) -> Group:
    return Group(_table(lab, machines), *map(_red, problems))


def _red(problem: str) -> Text:
    return Text(problem, style="red")


def _table(lab: str, machines: tuple[MachineState, ...]) -> Table:
    running = sum(machine.state == RUNNING for machine in machines if machine.planned)
    planned = sum(machine.planned for machine in machines)
    off = sum(machine.kept_off for machine in machines)
    rest = f", {off} intentionally off" if off else ""
    title = f"lab {lab}: {running} of {planned} machines running{rest}, {time.strftime('%H:%M:%S')}"
    columns = ("host", "machine", "student", "address", "accelerator", "state")
    table = table_of(*columns, title=title, title_justify="left")
    for machine in machines:
        state = Text(machine.state, style=STATE_COLOURS.get(machine.state, "yellow"))
        if machine.kept_off:
            state = Text(f"{machine.state}, as {GUESTS_RUN_OFF}")
        if not machine.planned:
            state.append(", ", style="default").append("not in the roster", style="yellow")
        table.add_row(
            machine.host, machine.name, machine.student, machine.address, machine.accelerator, state
        )
    return table
