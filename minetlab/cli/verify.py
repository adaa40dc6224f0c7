"""Run the verification in ``tests/hosts`` and collect its verdicts."""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from minetlab.paths import PROJECT_ROOT

WORKERS = 4
"""Machines that are checked at a time: nearly all of it is waiting for their answers."""


@dataclass
class Verdicts:
    """What the verification found, by machine (the part of a test's name in brackets)."""

    failed: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    passed: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    exit_code: int = 0

    @property
    def green(self) -> bool:
        """Whether everything that was asked was proved."""
        return self.exit_code == 0

    def of(self, machine: str) -> str:
        """One line about one machine, in rich's markup."""
        if failed := self.failed.get(machine):
            return f"[red]{len(failed)} FAILED"
        return (
            f"[green]{self.passed[machine]} checks passed"
            if self.passed.get(machine)
            else "[yellow]not verified"
        )

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect one outcome (pytest's hook)."""
        # pytest-xdist appends the group, after an @.
        name = re.fullmatch(r".*?(\w+)\[([^\]]+)\](?:@.*)?", report.nodeid)
        test, machine = name.groups() if name else (report.nodeid, "")
        if report.failed:
            self.failed[machine].append(test)
        elif report.passed and report.when == "call":
            self.passed[machine] += 1


def run(inventory: Path, keyword: str = "") -> Verdicts:
    """Check the inventory's machines in parallel, one worker a host.

    :param keyword: pytest's ``-k`` expression; empty for everything.
    """
    verdicts = Verdicts()
    checks = str(PROJECT_ROOT / "tests" / "hosts")
    quietly = ["-q", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    arguments = [checks, "--inventory", str(inventory), "-n", str(WORKERS), *quietly]
    if keyword:
        arguments += ["-k", keyword]
    verdicts.exit_code = int(pytest.main(arguments, plugins=[verdicts]))
    return verdicts
