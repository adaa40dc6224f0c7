"""``lab verify --changed``: what differs from the last run that was green."""

from pathlib import Path

from rich.text import Text

from minetlab.checks import history, verify
from minetlab.claims.changes import ChangeKind, EarlierRuns, changes
from minetlab.cli.terminal import console
from minetlab.inventory.load import load

BAD: frozenset[ChangeKind] = frozenset({"new failure", "not shown now", "removed"})
TIME_FORMAT = "%A %d %B, %H:%M"


def compare(inventory: Path, *, everything: bool) -> bool:
    """Verify the whole lab, and list only what differs from the last run that was green.

    :param inventory: the inventory of the lab.
    :param everything: type the sheets as well, and measure.
    :return: whether all checks passed.
    :raises LabError: the inventory or the record of earlier runs cannot be read.
    """
    lab = load(inventory).lab
    past = history.read(history.path_of(lab.name, inventory, everything=everything))
    verdicts = verify.run(inventory, everything=everything, quietly=True)
    terminal = console(soft_wrap=True)
    terminal.print(_heading(past), highlight=False)
    run = verdicts.as_run()
    differences = changes(past, run)
    for change in differences:
        line = Text(f"  {change.kind:<14} {change.machine}: ", style="red" if change.kind in BAD else "green")
        terminal.print(line.append(change.text.replace("\n", "\n    "), style="default"))
    rest = "nothing else differs" if differences else "nothing differs"
    terminal.print(f"{rest}: {len(run.checks)} checks on {len(run.machines)} machines", highlight=False)
    return verdicts.green


def _heading(past: EarlierRuns) -> str:
    if past.green is None:
        return "No green run of this inventory is known here, so there is nothing to compare with."
    return f"Compared with the last run that was green, of {past.green.when.astimezone():{TIME_FORMAT}}:"
