"""``lab verify --changed``: what differs from the last time that everything was green."""

from pathlib import Path

from rich.console import Console
from rich.text import Text

from minetlab.checks import history, verify
from minetlab.claims.changes import ChangeKind, Past, changes
from minetlab.inventory.load import load

BAD: frozenset[ChangeKind] = frozenset({"new failure", "not shown now", "went"})
WHEN = "%A %d %B, %H:%M"


def compare(inventory: Path, *, everything: bool) -> bool:
    """Check everything, and list only what differs; True if nothing failed.

    :param everything: type the sheets as well, and measure.
    :raises LabError: what is known of earlier runs cannot be read.
    """
    lab = load(inventory).lab
    past = history.read(history.path_of(lab.name, inventory, everything=everything))
    verdicts = verify.run(inventory, everything=everything, quietly=True)
    console = Console(soft_wrap=True)
    console.print(_compared(past), highlight=False)
    now = verdicts.as_run()
    found = changes(past, now)
    for each in found:
        line = Text(f"  {each.kind:<14} {each.machine}: ", style="red" if each.kind in BAD else "green")
        console.print(line.append(each.said.replace("\n", "\n    "), style="default"))
    nothing = "nothing else differs" if found else "nothing differs"
    console.print(f"{nothing}: {len(now.checks)} checks on {len(now.machines)} machines", highlight=False)
    return verdicts.green


def _compared(past: Past) -> str:
    if past.green is None:
        return "No green run of this inventory is known here, so there is nothing to compare with."
    return f"Compared with the last run that was green, of {past.green.when.astimezone():{WHEN}}:"
