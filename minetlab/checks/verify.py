"""Run the verification in ``tests/hosts`` and collect its verdicts."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest

from minetlab.checks import history
from minetlab.checks.protocol import Carried, CheckId, Measurement
from minetlab.checks.versions import versions_of
from minetlab.claims.changes import Check, Outcome, Run
from minetlab.claims.evidence import Evidence, Observation, Verdict
from minetlab.inventory.load import load
from minetlab.ssh.backend import Read
from minetlab.util.paths import PROJECT_ROOT

WORKERS = 4
"""Processes that check machines where sheets are typed, which takes minutes each."""
QUICK, ALL_BUT_MEASUREMENTS, MEASUREMENTS = (
    "not sheet and not measurement", "not measurement", "measurement"
)  # fmt: skip


@dataclass
class Verdicts:
    """What the verification found, by machine (the part of a test's name in brackets).

    :param read: what the checks read: machine, command and output.
    :param measured: what the measurements found.
    :param checks: how each check ended, by its name and machine.
    :param exit_codes: of each run of pytest.
    """

    failed: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    passed: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    evidence: list[Evidence] = field(default_factory=list)
    read: list[Read] = field(default_factory=list)
    measured: list[Measurement] = field(default_factory=list)
    checks: dict[tuple[str, str], Check] = field(default_factory=dict)
    exit_codes: list[int] = field(default_factory=list)

    @property
    def green(self) -> bool:
        """Whether everything that was asked was proved, and something was."""
        return 0 in self.exit_codes and set(self.exit_codes) <= {0, pytest.ExitCode.NO_TESTS_COLLECTED}

    def of(self, machine: str) -> str:
        """One line about one machine, in rich's markup."""
        if failed := self.failed.get(machine):
            return f"[red]{len(failed)} FAILED"
        return (
            f"[green]{self.passed[machine]} checks passed"
            if self.passed.get(machine)
            else "[yellow]not verified"
        )

    def as_run(self) -> Run:
        """What is kept of it, to compare others with."""
        when = datetime.now().astimezone()
        return Run(when=when, checks=tuple(self.checks.values()), versions=versions_of(self.read))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect one outcome (pytest's hook)."""
        check, carried = CheckId.of(report.nodeid), Carried.by(report)
        if report.failed:
            self.failed[check.machine].append(check.test)
        elif report.passed and report.when == "call":
            self.passed[check.machine] += 1
        if report.when == "call" or not report.passed:
            outcome: Outcome = report.outcome
            reason = "" if report.passed else _reason(report)
            ended = Check(machine=check.machine, name=check.name, outcome=outcome, reason=reason)
            self.checks[check.machine, check.name] = ended
        self.evidence += _evidence(report, check, carried)
        self.read += carried.read
        self.measured += carried.measured


def _evidence(report: pytest.TestReport, check: CheckId, carried: Carried) -> list[Evidence]:
    """What one outcome says of the claims that its check carries; of a check without, what is wrong."""
    claims: tuple[str | None, ...] = carried.claims
    if not claims and not report.passed:
        claims = (None,)
    if report.when == "teardown" or (report.when == "setup" and report.passed):
        return []
    verdicts: dict[str, Verdict] = {
        "passed": "demonstrated",
        "skipped": "not demonstrable",
        "failed": "violated",
    }
    # What is wrong before the check itself is that the machine does not answer; it may fall silent later.
    silent = report.when == "setup" or carried.unreachable
    verdict = "not checked" if silent else verdicts[report.outcome]
    reason = "" if report.passed else _reason(report)
    observations = tuple(
        Observation(machine=where, command=command, output=output) for where, command, output in carried.read
    )
    return [
        Evidence(
            claim=claim,
            machine=check.machine,
            check=check.test,
            verdict=verdict,
            reason=reason,
            observations=observations,
        )
        for claim in claims
    ]


def _reason(report: pytest.TestReport) -> str:
    """Why a check was skipped or failed, as the check says it."""
    if isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    said = crash.message if crash else report.longreprtext
    return str(said).removeprefix("AssertionError: ").removeprefix("Failed: ")


def run(
    inventory: Path,
    keyword: str | None = None,
    claim: str | None = None,
    student: str | None = None,
    junit: Path | None = None,
    *,
    everything: bool = False,
    quietly: bool = False,
) -> Verdicts:
    """Check the inventory's machines.

    :param keyword: pytest's ``-k`` expression; None for everything.
    :param claim: only what proves this claim.
    :param student: only the machines of this student, by login.
    :param junit: where to write the outcome as JUnit XML too; measurements go beside it.
    :param everything: type the sheets as well, and measure: that takes minutes where hosts are emulated. What
        proves one claim is run to its end in any case.
    :param quietly: do not say what failed, and why.
    """
    verdicts = Verdicts()
    narrowing = {"-k": keyword, "--claim": claim, "--student": student}
    arguments = ["--inventory", str(inventory)]
    arguments += [word for option, value in narrowing.items() if value for word in (option, value)]
    if quietly:
        arguments += ["--tb=no", "--no-summary"]
    if not everything and not claim:
        _pytest(verdicts, QUICK, 0, ["-q", *arguments], junit)
    else:
        # Some of it takes minutes: a line for each check that is done.
        arguments.append("-q" if quietly else "-v")
        _pytest(verdicts, ALL_BUT_MEASUREMENTS, WORKERS, arguments, junit)
        # Alone, and one after the other: whatever else runs on the hosts would be measured as well.
        beside = junit and junit.with_stem(f"{junit.stem}-measurements")
        _pytest(verdicts, MEASUREMENTS, 0, arguments, beside)
    if verdicts.checks and not any(narrowing.values()):
        path = history.path_of(load(inventory).lab.name, inventory, everything=everything)
        history.keep(path, verdicts.as_run(), green=verdicts.green)
    return verdicts


def _pytest(verdicts: Verdicts, kind: str, workers: int, arguments: list[str], junit: Path | None) -> None:
    checks = str(PROJECT_ROOT / "tests" / "hosts")
    quietly = ["--no-header", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    written = ["--junitxml", str(junit)] if junit else []
    command = [checks, "-m", kind, "-n", str(workers), *quietly, *arguments, *written]
    verdicts.exit_codes.append(int(pytest.main(command, plugins=[verdicts])))
