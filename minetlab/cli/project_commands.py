"""The commands that test and measure this project itself."""

from pathlib import Path
from typing import Annotated

import typer

from minetlab.util.errors import LabError

app = typer.Typer()
PROJECT_PANEL = "Commands for this project itself"


@app.command(rich_help_panel=PROJECT_PANEL)
def bench(
    parts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PART]...", help="up, peers, creation, boots, scale or neighbours, instead of all."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The folder to write to, instead of docs/.")
    ] = None,
    *,
    quick: Annotated[
        bool, typer.Option("--quick", help="Small loads, few rounds: minutes, not hours.")
    ] = False,
    rounds: Annotated[int | None, typer.Option(min=1, help="How often everything is measured.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the random order of the measurements.")] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Continue where the last run ended.")] = False,
    only: Annotated[list[str] | None, typer.Option(help="Only this contestant, such as Ansible.")] = None,
) -> None:
    """Measure how fast the lab is, and other tools beside it; as root, for hours."""
    from minetlab.cli.bench import measure

    measured = measure(
        tuple(parts or ()),
        output,
        quick=quick,
        rounds=rounds,
        seed=seed,
        resume=resume,
        only=tuple(only or ()),
    )
    raise typer.Exit(0 if measured else 1)


@app.command(rich_help_panel=PROJECT_PANEL)
def test(
    fast: Annotated[
        bool, typer.Option("--fast", help="Style, types, imports and units only: about a minute.")
    ] = False,
    long: Annotated[
        bool, typer.Option("--long", help="Also a class of thirty, more hosts and labs, and mutants: hours.")
    ] = False,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The folder for JUnit XML and the course's report.")
    ] = Path("test-results"),
) -> None:
    """Run the project's own tests: style, types, units, and the lab end to end in the sandbox."""
    if fast and long:
        raise LabError("--fast and --long are opposites", next_step="choose one")
    from minetlab.cli.test import run_stages

    raise typer.Exit(run_stages(output, fast=fast, long=long))
