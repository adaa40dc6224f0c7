"""The commands and their options.

A command imports the module that does its work only when it is called, so that help and completion are fast.
"""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

from minetlab.cli import completion, project_commands, student_commands
from minetlab.cli.options import COMMAND_AT_THE_END, Inventory, OutputFolder, command_of
from minetlab.handouts.words import Language
from minetlab.inventory.hosts import DEFAULT_INVENTORY
from minetlab.util.errors import LabError


class _Sandbox(TyperGroup):
    """The commands of ``lab sandbox``; their module is imported when one of them is needed."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the commands."""
        return _sandbox().list_commands(ctx)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return one command, or None if there is none of that name."""
        return _sandbox().get_command(ctx, cmd_name)


def _sandbox() -> TyperGroup:
    from minetlab.cli import sandbox

    return get_group(sandbox.app)


app = typer.Typer(
    help="""Stand up MiNET's virtualization lab, and prove that every machine shows what the course claims.

    An inventory describes the lab: its hosts (inventories/lab.py), its settings (inventories/group_data/)
    and its students (inventories/students.csv). As it ships, the hosts are virtual: the sandbox.
    """,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
app.add_typer(
    typer.Typer(cls=_Sandbox, no_args_is_help=True),
    name="sandbox",
    help="The virtual hosts that stand in for real ones.",
)
app.add_typer(student_commands.app)
app.add_typer(project_commands.app)


@app.command()
def up(
    inventory: Inventory = DEFAULT_INVENTORY,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Build the images anew for which Debian has newer packages.")
    ] = False,
) -> None:
    """Bring the lab up: provision every host, verify all of it, and say how to log in."""
    from minetlab.cli.up import bring_up

    raise typer.Exit(0 if bring_up(inventory, refresh=refresh) else 1)


@app.command("check")
def check_command(
    inventory: Inventory = DEFAULT_INVENTORY,
    *,
    pin: Annotated[
        bool, typer.Option("--pin", help="First pin the SSH host keys that are not pinned yet.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="With --pin: do not ask whether fingerprints are right.")
    ] = False,
) -> None:
    """Check that every host is fit for the lab and has room for it, changing and booting nothing."""
    from minetlab.cli import check
    from minetlab.cli.pin import pin_host_keys

    if pin:
        pin_host_keys(inventory, yes=yes)
    raise typer.Exit(0 if check.show(inventory) else 1)


@app.command("verify")
def verify_command(
    inventory: Inventory = DEFAULT_INVENTORY,
    *,
    keyword: Annotated[
        str | None, typer.Option("-k", help="Only checks whose name or machine matches (as pytest's -k).")
    ] = None,
    claim: Annotated[
        str | None,
        typer.Option(help="Only what proves this claim, such as C16.", autocompletion=completion.claims),
    ] = None,
    student: Annotated[
        str | None,
        typer.Option(help="Only this student's machines, by login.", autocompletion=completion.logins),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also type the sheets' commands, and measure: takes minutes.")
    ] = False,
    only_changed: Annotated[
        bool, typer.Option("--changed", help="List only what differs from the last run that was green.")
    ] = False,
) -> None:
    """Check every host, guest and container of the lab, changing nothing."""
    from minetlab.checks import verify
    from minetlab.cli import changed

    if only_changed:
        if keyword or claim or student:
            raise LabError("--changed compares whole labs", next_step="leave out -k, --claim and --student")
        raise typer.Exit(0 if changed.compare(inventory, everything=everything) else 1)
    verdicts = verify.run(inventory, keyword, claim, student, everything=everything)
    raise typer.Exit(0 if verdicts.green else 1)


@app.command("report")
def report_command(
    inventory: Inventory = DEFAULT_INVENTORY,
    output: OutputFolder = Path("report"),
) -> None:
    """Verify the lab, and write a report on each claim of the course: HTML, JSON and JUnit XML."""
    from minetlab.cli import report

    raise typer.Exit(0 if report.write(inventory, output) else 1)


@app.command("cards")
def cards_command(
    inventory: Inventory = DEFAULT_INVENTORY,
    output: OutputFolder = Path("cards"),
    student: Annotated[
        str | None, typer.Option(help="Only this student's, by login.", autocompletion=completion.logins)
    ] = None,
    site: Annotated[str | None, typer.Option(help="The TP site's address, for the QR codes.")] = None,
    language: Annotated[
        Language | None, typer.Option(help="Language of all cards, in place of each student's own.")
    ] = None,
) -> None:
    """Make a card to print (PDF and HTML) and a folder for each student, and the TP site's passwords."""
    from minetlab.cli import cards

    cards.write(inventory, output, student, site, language)


@app.command("export")
def export_command(
    inventory: Inventory = DEFAULT_INVENTORY,
    output: OutputFolder = Path("export"),
) -> None:
    """Write the lab for other tools: SSH configuration, Ansible inventory, topology as JSON and SVG."""
    from minetlab.cli import export

    export.write(inventory, output)


@app.command("sbom")
def sbom_command(
    inventory: Inventory = DEFAULT_INVENTORY,
    output: OutputFolder = Path("sbom"),
) -> None:
    """Write which packages are in the lab's images, for each of them (CycloneDX)."""
    from minetlab.cli import sbom

    sbom.write(inventory, output)


@app.command(context_settings=COMMAND_AT_THE_END)
def ssh(
    machine: Annotated[
        str,
        typer.Argument(
            help="A host, guest or container, as `lab up` names it; or a student's login.",
            autocompletion=completion.machines,
        ),
    ],
    command: Annotated[list[str] | None, typer.Argument(help="What to run there; none: a shell.")] = None,
    inventory: Inventory = DEFAULT_INVENTORY,
) -> None:
    """Log into a machine of the lab, or run one command there."""
    from minetlab.cli import login

    login.ssh(inventory, machine, command_of(command))


@app.command("status")
def status_command(
    inventory: Inventory = DEFAULT_INVENTORY,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Show it again every few seconds.")] = False,
    publish: Annotated[
        bool, typer.Option("--publish", help="Show it to the instructor as well, on the TP site.")
    ] = False,
) -> None:
    """Show the state of every guest and container; the exit status is 0 if all of them are as planned."""
    from minetlab.cli import status

    raise typer.Exit(0 if status.show(inventory, as_json=as_json, watch=watch, publish=publish) else 1)


@app.command("audit")
def audit_command(
    inventory: Inventory = DEFAULT_INVENTORY,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Look for what is weak in a running lab, changing nothing; the exit status is 0 if nothing is."""
    from minetlab.cli import audit

    raise typer.Exit(0 if audit.show(inventory, as_json=as_json) else 1)


@app.command()
def down(
    inventory: Inventory = DEFAULT_INVENTORY,
    remove_sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Remove the sandbox's virtual hosts as well.")
    ] = False,
    student: Annotated[
        list[str] | None,
        typer.Option(help="Only this student's machines, by login.", autocompletion=completion.logins),
    ] = None,
    collect: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Bring the students' work here first.")
    ] = None,
) -> None:
    """Remove everything that carries the lab's label from its hosts, and nothing else; list what is left."""
    from minetlab.cli.down import take_down
    from minetlab.cli.sandbox import remove_hosts_of

    removed = take_down(inventory, student or [], collect)
    if remove_sandbox and not student:
        remove_hosts_of(inventory)
    raise typer.Exit(0 if removed else 1)


@app.command()
def unlock(inventory: Inventory = DEFAULT_INVENTORY) -> None:
    """Break the locks that another run holds on hosts, so that it does nothing more there."""
    from minetlab.cli import deploy

    raise typer.Exit(0 if deploy.run(inventory, "deploys/unlock.py") else 1)
