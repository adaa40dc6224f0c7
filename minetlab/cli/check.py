"""``lab check``, and the same checks at the beginning of ``lab up``: whether the lab can be deployed."""

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from rich.table import Table
from rich.text import Text

from minetlab.cli.options import lab_command
from minetlab.cli.tables import table_of
from minetlab.cli.terminal import console
from minetlab.inventory.load import load
from minetlab.preflight import Preflight, preflight
from minetlab.preflight.findings import Finding, Severity
from minetlab.ssh.ssh_config import write_config
from minetlab.util.errors import LabError

SEVERITY_COLOURS = {
    Severity.OK: "green",
    Severity.WARNING: "yellow",
    Severity.UNREACHABLE: "red",
    Severity.PROBLEM: "red",
}


def show(inventory_file: Path) -> bool:
    """Check all hosts and this machine, and show all findings.

    :param inventory_file: the inventory of the lab.
    :return: whether the lab can be deployed to each of its hosts.
    :raises LabError: the inventory or the roster is wrong, or the hosts have no room for all students.
    """
    result = _preflight(inventory_file)
    console().print(_table(result.findings))
    fits = not result.with_severity(Severity.PROBLEM, Severity.UNREACHABLE)
    console(soft_wrap=True).print(f"The lab {result.verdict}.", style="green" if fits else "red")
    return fits


def require(inventory_file: Path) -> Preflight:
    """Check all hosts and this machine before a deploy, and show what is not as it should be.

    A host that does not answer is only shown: the deploy reports it, and goes on with the other hosts.

    :param inventory_file: the inventory of the lab.
    :return: the result.
    :raises LabError: there are problems (it names all of them), the inventory or the roster is wrong, or the
        hosts have no room for all students.
    """
    result = _preflight(inventory_file)
    for finding in result.with_severity(Severity.WARNING, Severity.UNREACHABLE):
        words = f" {finding.host}: {finding.check}: {finding.message}\n  → {finding.next_step}"
        console(errors=True, soft_wrap=True).print(_coloured(finding).append(words, style="default"))
    problems = result.with_severity(Severity.PROBLEM)
    if problems:
        lines = "".join(
            f"\n  {problem.host}: {problem.check}: {problem.message}\n    → {problem.next_step}"
            for problem in problems
        )
        raise LabError(
            f"nothing was touched, as the lab {result.verdict}:{lines}",
            next_step="solve these problems, then run the same command again; "
            f"{lab_command(inventory_file, 'check')} shows all checks",
        )
    return result


def _preflight(inventory_file: Path) -> Preflight:
    loaded = load(inventory_file)
    return preflight(loaded.lab, loaded.plan, loaded.hosts, write_config(loaded))


def _table(findings: Iterable[Finding]) -> Table:
    table = table_of("host", "check", "")
    table.add_column("found")
    for host, of_host in groupby(findings, key=lambda finding: finding.host):
        table.add_section()
        name = host  # only in the first row of the host
        for finding in of_host:
            next_step = f"\n→ {finding.next_step}" if finding.next_step else ""
            table.add_row(name, finding.check, _coloured(finding), finding.message + next_step)
            name = ""
    return table


def _coloured(finding: Finding) -> Text:
    return Text(finding.severity, style=SEVERITY_COLOURS[finding.severity])
