"""The commands for some students: to add or remove them, to help them, and to give them new machines."""

from pathlib import Path
from typing import Annotated

import typer

from minetlab.cli import completion
from minetlab.cli.options import Inventory, OutputFolder
from minetlab.handouts.words import Language
from minetlab.inventory.hosts import DEFAULT_INVENTORY
from minetlab.util.limits import MIB, Limits

app = typer.Typer()
STUDENTS_PANEL = "Commands for some students' machines"

Students = Annotated[
    list[str], typer.Argument(help="The students' logins.", autocompletion=completion.logins)
]


@app.command(rich_help_panel=STUDENTS_PANEL)
def console(
    machine: Annotated[
        str,
        typer.Argument(help="A student's login, or their guest's name.", autocompletion=completion.guests),
    ],
    inventory: Inventory = DEFAULT_INVENTORY,
) -> None:
    """Open a guest's serial console, for example if it does not answer SSH; says first how to leave."""
    from minetlab.cli import login

    login.console(inventory, machine)


@app.command("exec", rich_help_panel=STUDENTS_PANEL)
def exec_command(
    command: Annotated[str, typer.Argument(help="The command for the machines' shell, in quotes.")],
    *,
    everybody: Annotated[bool, typer.Option("--all", help="On the machines of all students.")] = False,
    student: Annotated[
        list[str] | None,
        typer.Option(help="On this student's machines, by login.", autocompletion=completion.logins),
    ] = None,
    containers: Annotated[
        str | None,
        typer.Option(
            metavar="TP",
            help="In the containers of this TP, in place of the guests.",
            autocompletion=completion.tps,
        ),
    ] = None,
    root: Annotated[
        bool, typer.Option("--root", help="As root, in place of the student: guests only.")
    ] = False,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds for each machine.")] = 60,
    inventory: Inventory = DEFAULT_INVENTORY,
) -> None:
    """Run a command on students' machines, as the student; the exit status is 0 only if all succeeded."""
    from minetlab.cli import execute

    succeeded = execute.run_command(
        inventory, command, student, everybody=everybody, tp=containers, root=root, limit=timeout
    )
    raise typer.Exit(0 if succeeded else 1)


@app.command("collect", rich_help_panel=STUDENTS_PANEL)
def collect_command(
    student: Annotated[
        list[str] | None,
        typer.Option(help="Only this student's, by login.", autocompletion=completion.logins),
    ] = None,
    output: OutputFolder = Path("collected"),
    timeout: Annotated[float, typer.Option(min=1, help="Seconds for each machine.")] = Limits.seconds,
    max_mib: Annotated[
        int, typer.Option("--max", min=1, help="MiB from each machine, at most.")
    ] = Limits.bytes // MIB,
    inventory: Inventory = DEFAULT_INVENTORY,
) -> None:
    """Copy the home directories of students' machines here, into an archive for each student."""
    from minetlab.cli import collect

    limits = Limits(timeout, max_mib * MIB)
    raise typer.Exit(0 if collect.collect_work(inventory, output, student, limits) else 1)


@app.command(rich_help_panel=STUDENTS_PANEL)
def add(
    name: Annotated[str, typer.Argument(help="Their name as it is printed, in quotes.")],
    *,
    login: Annotated[str | None, typer.Option(help="Their accounts' name; none: made of the name.")] = None,
    email: Annotated[str | None, typer.Option(help="Their e-mail address.")] = None,
    ssh_key: Annotated[
        str | None, typer.Option(help="Their public key: its file, or its line; none: they get a pair.")
    ] = None,
    group: Annotated[str | None, typer.Option(help="Their group in the course, as it is printed.")] = None,
    language: Annotated[Language | None, typer.Option(help="The language that they read.")] = None,
    inventory: Inventory = DEFAULT_INVENTORY,
) -> None:
    """Add a late arrival: write a student into the roster, make their machines, and verify those."""
    from minetlab.cli import roster

    columns = {
        "name": name,
        "login": login,
        "email": email,
        "ssh_key": ssh_key,
        "group": group,
        "language": language,
    }
    fields = {column: cell for column, cell in columns.items() if cell}
    raise typer.Exit(0 if roster.add(inventory, fields) else 1)


@app.command(rich_help_panel=STUDENTS_PANEL)
def remove(
    student: Annotated[str, typer.Argument(help="Their login.", autocompletion=completion.logins)],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    inventory: Inventory = DEFAULT_INVENTORY,
) -> None:
    """Remove a student who does not come: their machines, and their lines in roster and allocation file."""
    from minetlab.cli import roster

    raise typer.Exit(0 if roster.remove(inventory, student, yes=yes) else 1)


@app.command(rich_help_panel=STUDENTS_PANEL)
def reset(students: Students, inventory: Inventory = DEFAULT_INVENTORY) -> None:
    """Replace students' machines by new ones, which loses what is in the old ones, and verify those."""
    from minetlab.cli.students import change_and_verify

    raise typer.Exit(0 if change_and_verify(inventory, "reset", students) else 1)


@app.command(rich_help_panel=STUDENTS_PANEL)
def snapshot(students: Students, inventory: Inventory = DEFAULT_INVENTORY) -> None:
    """Take a snapshot of students' guests, memory and disk; it replaces the last one."""
    from minetlab.cli.students import change

    raise typer.Exit(0 if change(inventory, "snapshot", students) else 1)


@app.command(rich_help_panel=STUDENTS_PANEL)
def revert(students: Students, inventory: Inventory = DEFAULT_INVENTORY) -> None:
    """Bring students' guests back to their snapshot, and verify their machines."""
    from minetlab.cli.students import change_and_verify

    raise typer.Exit(0 if change_and_verify(inventory, "revert", students) else 1)


@app.command("rotate", rich_help_panel=STUDENTS_PANEL)
def rotate_command(
    student: Annotated[
        str | None, typer.Argument(help="The student's login.", autocompletion=completion.logins)
    ] = None,
    *,
    lab: Annotated[bool, typer.Option("--lab", help="The lab's own key pair, on all machines.")] = False,
    instructor: Annotated[
        bool, typer.Option("--instructor", help="The instructor's password for the TP site.")
    ] = False,
    site: Annotated[
        bool, typer.Option("--site", help="The CA by which the TP site is known; cards change.")
    ] = False,
    inventory: Inventory = DEFAULT_INVENTORY,
) -> None:
    """Replace the key pair and password that the lab made for a student, and end the old key's sessions."""
    from minetlab.cli import rotate

    rotate.rotate(inventory, student, lab=lab, instructor=instructor, site=site)
