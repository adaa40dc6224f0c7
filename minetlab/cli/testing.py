"""The project's own tests, stage by stage, with the time each took."""

import subprocess
import sys
import time

from rich.console import Console
from rich.table import Table

PYTHON = [sys.executable, "-m"]
FAST_STAGES = {
    "style": [*PYTHON, "ruff", "check", "."],
    "format": [*PYTHON, "ruff", "format", "--check", "."],
    "types": [*PYTHON, "mypy"],
    "imports": ["lint-imports"],
    "units": [*PYTHON, "pytest", "-q", "-n", "auto", "--doctest-modules"],
}
COMMANDS = [*PYTHON, "pytest", "-q", "-n", "auto", "tests/commands"]
# Two labs side by side: each has a KVM host with one processor. A file's tests share its labs.
SIDE_BY_SIDE = ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
END_TO_END = [*PYTHON, "pytest", "-v", *SIDE_BY_SIDE, "tests/e2e"]


def run(*, fast: bool = False, long: bool = False) -> int:
    """Run every stage, also after one failed; the exit status is 0 only if all passed.

    :param fast: leave out the stages that run whole commands, or need virtual hosts.
    :param long: with the scenarios that take too long for every change.
    """
    end_to_end = END_TO_END if long else [*END_TO_END, "-m", "not long"]
    stages = FAST_STAGES if fast else FAST_STAGES | {"commands": COMMANDS, "end to end": end_to_end}
    console = Console()
    table = Table("stage", "result", "seconds")
    failed = False
    for name, command in stages.items():
        console.rule(name)
        start = time.monotonic()
        code = subprocess.run(command, check=False).returncode
        failed |= code != 0
        table.add_row(name, "[red]FAILED" if code else "passed", f"{time.monotonic() - start:.0f}")
    console.print(table)
    return int(failed)
