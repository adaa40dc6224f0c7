"""``lab test``: run the project's own tests, stage by stage, and show the time that each took."""

import os
import sys
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from rich.console import Console
from rich.table import Table
from rich.text import Text

from minetlab.cli.terminal import console
from minetlab.sandbox import list_hosts
from minetlab.sandbox.lifecycle import available_memory
from minetlab.util import processors
from minetlab.util.process import run_attached

OUTPUT = "MINETLAB_TEST_OUTPUT"
"""The environment variable that names the folder for the files that tests keep."""
PYTHON = [sys.executable, "-m"]
# Two for each processor, as many unit tests wait for programs that they have started.
UNIT_WORKERS = str(2 * len(os.sched_getaffinity(0)))
FAST_STAGES = {
    "style": [*PYTHON, "ruff", "check", "."],
    "format": [*PYTHON, "ruff", "format", "--check", "."],
    "docstrings": ["pydoclint", "--quiet", "minetlab", "benchmarks"],
    "types": [*PYTHON, "mypy"],
    "imports": ["lint-imports"],
    "units": [*PYTHON, "pytest", "-q", "-n", UNIT_WORKERS, "--doctest-modules"],
}
INTEGRATION = [*PYTHON, "pytest", "-q", "-n", "auto", "tests/integration", "tests/fuzz"]
# loadfile: the tests of a file run in one process, as they share a lab.
END_TO_END = [*PYTHON, "pytest", "-v", "--dist", "loadfile", "--no-loadscope-reorder", "tests/e2e"]
MUTANTS = [*PYTHON, "pytest", "-s", "tests/mutation"]
LAB_MEMORY = 6144
"""MiB that the hosts of a lab use, emulators included; 5.2 GiB were measured for the course's lab."""
SLOWEST = 8
"""How many test files are listed with the time that they took."""


@dataclass(frozen=True)
class _StageResult:
    """The result of a stage.

    :param name: the stage's name.
    :param passed: whether all of it passed.
    :param seconds: how long it took.
    :param busy_share: the share of that time in which the processors were busy, from 0 to 1.
    :param seconds_by_file: how long the tests of each file took; empty for stages without tests.
    """

    name: str
    passed: bool
    seconds: float
    busy_share: float
    seconds_by_file: Mapping[str, float]


def run_stages(output: Path, *, fast: bool = False, long: bool = False) -> int:
    """Run every stage, also after one has failed, and show a table of the results.

    :param output: the folder for the tests' results as JUnit XML, and for the report of the course.
    :param fast: leave out the stages that run whole commands or need virtual hosts.
    :param long: include the scenarios that take too long for every change.
    :return: the exit status: 0 if all stages passed, otherwise 1.
    """
    stages = _stages(fast=fast, long=long)
    output = output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    terminal = console()
    if not fast:
        _show_running_hosts(terminal)
    results = []
    for name, command in stages.items():
        terminal.rule(name)
        results.append(_run_stage(name, command, output))
    _show_results(terminal, results)
    terminal.print(f"Results of each test: {output}", soft_wrap=True)
    return 0 if all(result.passed for result in results) else 1


def _stages(*, fast: bool, long: bool) -> dict[str, list[str]]:
    """Return the commands to run, by the names of their stages."""
    if fast:
        return FAST_STAGES
    workers = labs_side_by_side(len(os.sched_getaffinity(0)), available_memory())
    end_to_end = [*END_TO_END, "-n", str(workers), *([] if long else ["-m", "not long"])]
    stages = FAST_STAGES | {"integration": INTEGRATION, "end to end": end_to_end}
    return stages | {"mutants": MUTANTS} if long else stages


def _run_stage(name: str, command: list[str], output: Path) -> _StageResult:
    junit = output / f"{name.replace(' ', '-')}.xml"
    options = ["--junitxml", str(junit)] if "pytest" in command else []
    start, times_before = time.monotonic(), processors.times()
    status = run_attached([*command, *options], env={OUTPUT: str(output)})
    return _StageResult(
        name=name,
        passed=status == 0,
        seconds=time.monotonic() - start,
        busy_share=processors.busy(times_before, processors.times()),
        seconds_by_file=seconds_by_file(junit),
    )


def _show_results(terminal: Console, results: list[_StageResult]) -> None:
    table = Table("stage", "result", "seconds", "processors busy")
    seconds_of: dict[str, float] = {}
    for result in results:
        state = Text("passed") if result.passed else Text("FAILED", style="red")
        table.add_row(result.name, state, f"{result.seconds:.0f}", f"{result.busy_share:.0%}")
        seconds_of |= result.seconds_by_file
    terminal.print(table)
    slowest = sorted(seconds_of, key=lambda file: -seconds_of[file])[:SLOWEST]
    terminal.print("The slowest files:", ", ".join(f"{file} {seconds_of[file]:.0f} s" for file in slowest))


def _show_running_hosts(terminal: Console) -> None:
    """Name the user's sandbox hosts that run, as they slow the tests down."""
    if running := ", ".join(host.name for host in list_hosts() if host.pid):
        terminal.print(
            f"Running: {running}. This slows the end-to-end tests; ./lab sandbox stop suspends them.",
            soft_wrap=True,
        )


def labs_side_by_side(cores: int, memory: int) -> int:
    """Return how many files of end-to-end tests to run in parallel: an emulated host keeps a processor busy.

    :param cores: processors of this machine that the tests may use.
    :param memory: free memory in MiB.
    :return: the number of files, at least one.

    >>> labs_side_by_side(2, 16384), labs_side_by_side(8, 32768), labs_side_by_side(4, 4096)
    (2, 5, 1)
    """
    return max(1, min(cores, memory // LAB_MEMORY))


def seconds_by_file(junit: Path) -> dict[str, float]:
    """Add up how long the tests of each file took, from pytest's JUnit XML.

    :param junit: the file that pytest has written.
    :return: seconds, by the file's module without ``tests.``; empty if the file is missing or damaged.
    """
    try:
        cases = list(ElementTree.parse(junit).iter("testcase"))  # noqa: S314 (pytest has just written it)
    except (OSError, ElementTree.ParseError):
        return {}
    sums: defaultdict[str, float] = defaultdict(float)
    for case in cases:
        sums[case.get("classname", "?").removeprefix("tests.")] += float(case.get("time", 0))
    return dict(sums)
