"""The project's own tests, stage by stage, with the time each took."""

import os
import sys
import time
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

from rich.console import Console
from rich.table import Table

from minetlab.sandbox import list_hosts
from minetlab.sandbox.lifecycle import available_memory
from minetlab.util import processors
from minetlab.util.process import run_attached

OUTPUT = "MINETLAB_TEST_OUTPUT"
"""The variable that tells tests where to leave what is worth keeping."""
PYTHON = [sys.executable, "-m"]
FAST_STAGES = {
    "style": [*PYTHON, "ruff", "check", "."],
    "format": [*PYTHON, "ruff", "format", "--check", "."],
    "types": [*PYTHON, "mypy"],
    "imports": ["lint-imports"],
    "units": [*PYTHON, "pytest", "-q", "-n", "auto", "--doctest-modules"],
}
INTEGRATION = [*PYTHON, "pytest", "-q", "-n", "auto", "tests/integration"]
# A file's tests share its labs.
END_TO_END = [*PYTHON, "pytest", "-v", "--dist", "loadfile", "--no-loadscope-reorder", "tests/e2e"]
LAB_MEMORY = 6144
"""MiB that the hosts of a lab have in use, emulators included; 5.2 GiB were seen, of the course's."""
PYTEST_STAGES = frozenset({"units", "integration", "end to end"})
SLOWEST = 8
"""Files of tests that are named with the time that they took."""


def run_stages(output: Path, *, fast: bool = False, long: bool = False) -> int:
    """Run every stage, also after one failed; the exit status is 0 only if all passed.

    :param output: a folder for what each test has shown, as JUnit XML, and for the report of the course.
    :param fast: leave out the stages that run whole commands, or need virtual hosts.
    :param long: with the scenarios that take too long for every change.
    """
    workers = labs_side_by_side(len(os.sched_getaffinity(0)), available_memory())
    end_to_end = [*END_TO_END, "-n", str(workers), *([] if long else ["-m", "not long"])]
    stages = FAST_STAGES if fast else FAST_STAGES | {"integration": INTEGRATION, "end to end": end_to_end}
    output = output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    console = Console()
    if not fast:
        _name_what_slows(console)
    table = Table("stage", "result", "seconds", "processors busy")
    files: dict[str, float] = {}
    failed = False
    for name, command in stages.items():
        console.rule(name)
        written = output / f"{name.replace(' ', '-')}.xml"
        junit = ["--junitxml", str(written)] if name in PYTEST_STAGES else []
        start, before = time.monotonic(), processors.times()
        code = run_attached([*command, *junit], env={OUTPUT: str(output)})
        failed |= code != 0
        took, share = time.monotonic() - start, processors.busy(before, processors.times())
        table.add_row(name, "[red]FAILED" if code else "passed", f"{took:.0f}", f"{share:.0%}")
        files |= seconds_by_file(written) if junit else {}
    console.print(table)
    slowest = sorted(files.items(), key=lambda each: -each[1])[:SLOWEST]
    console.print("The slowest files:", ", ".join(f"{name} {seconds:.0f} s" for name, seconds in slowest))
    console.print(f"What each test has shown: {output}", soft_wrap=True)
    return int(failed)


def _name_what_slows(console: Console) -> None:
    """Name the running sandbox hosts of the user: they slow the tests down."""
    if running := ", ".join(host.name for host in list_hosts() if host.pid):
        console.print(
            f"Running: {running}. This slows the end-to-end tests; ./lab sandbox stop suspends them.",
            soft_wrap=True,
        )


def labs_side_by_side(cores: int, memory: int) -> int:
    """How many files of end-to-end tests run at the same time: an emulated host keeps a processor busy.

    :param cores: processors of this machine that the tests may use.
    :param memory: MiB that are free.

    >>> labs_side_by_side(2, 16384), labs_side_by_side(8, 32768), labs_side_by_side(4, 4096)
    (2, 5, 1)
    """
    return max(1, min(cores, memory // LAB_MEMORY))


def seconds_by_file(junit: Path) -> dict[str, float]:
    """How long the tests of each file took together, from pytest's JUnit XML; nothing where there is none.

    :param junit: the file that pytest has written.
    """
    try:
        cases = list(ElementTree.parse(junit).iter("testcase"))  # noqa: S314 (pytest's own, of this moment)
    except (OSError, ElementTree.ParseError):
        return {}
    sums: defaultdict[str, float] = defaultdict(float)
    for case in cases:
        sums[case.get("classname", "?").removeprefix("tests.")] += float(case.get("time", 0))
    return dict(sums)
