"""``lab check``, and what ``lab up`` does before anything else: is everything ready for a deploy?"""

from collections.abc import Iterable
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from minetlab.cli.options import typed
from minetlab.inventory.load import load
from minetlab.preflight import Preflight, preflight
from minetlab.preflight.findings import Finding, Severity
from minetlab.ssh.ssh_config import write_config
from minetlab.util.errors import LabError

COLOURS = {
    Severity.OK: "green",
    Severity.WARNING: "yellow",
    Severity.UNREACHABLE: "red",
    Severity.PROBLEM: "red",
}


def show(inventory_file: Path) -> bool:
    """Check everything and show it; True if the lab can be deployed to each of its hosts.

    :raises LabError: the inventory or the roster is wrong, or students are too many for the hosts' capacity.
    """
    found = _preflight(inventory_file)
    Console().print(_table(found.findings))
    fits = not found.of(Severity.PROBLEM, Severity.UNREACHABLE)
    Console().print(f"[{'green' if fits else 'red'}]The lab {escape(found.verdict)}.[/]", soft_wrap=True)
    return fits


def require(inventory_file: Path) -> None:
    """Check everything before a deploy, and show what is not as it should be.

    A host that does not answer is the deploy's to report: the others go on.

    :raises LabError: with all problems of all hosts at once; or as :func:`run`.
    """
    found = _preflight(inventory_file)
    for each in found.of(Severity.WARNING, Severity.UNREACHABLE):
        Console(stderr=True).print(_told(each), soft_wrap=True)
    problems = found.of(Severity.PROBLEM)
    if problems:
        steps = "".join(
            f"\n  {each.host}: {each.check}: {each.found}\n    → {each.next_step}" for each in problems
        )
        raise LabError(
            f"nothing was touched, as the lab {found.verdict}:{steps}",
            next_step="put that right, and run the same command again; "
            f"{typed(inventory_file, 'check')} shows all that is checked",
        )


def _preflight(inventory_file: Path) -> Preflight:
    loaded = load(inventory_file)
    return preflight(loaded.lab, loaded.plan, loaded.hosts, write_config(loaded))


def _table(found: Iterable[Finding]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("host", "check", "", "found"):
        table.add_column(column, no_wrap=column != "found")
    last = ""
    for each in found:
        if last and each.host != last:
            table.add_section()
        shown = each.host if each.host != last else ""
        last = each.host
        said = f"{each.found}\n→ {each.next_step}" if each.next_step else each.found
        table.add_row(shown, each.check, f"[{COLOURS[each.severity]}]{each.severity}[/]", escape(said))
    return table


def _told(finding: Finding) -> str:
    return (
        f"[{COLOURS[finding.severity]}]{finding.severity}[/] {finding.host}: {finding.check}: "
        f"{escape(finding.found)}\n  → {escape(finding.next_step)}"
    )
