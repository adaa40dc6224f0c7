"""Run the checks of ``tests/hosts`` and collect their verdicts."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest
from rich.text import Text

from minetlab.checks import history
from minetlab.checks.protocol import CarriedByReport, CheckId, Measurement
from minetlab.checks.versions import versions_of
from minetlab.claims.changes import Check, Run
from minetlab.claims.evidence import Evidence, Observation, Verdict
from minetlab.inventory.load import load
from minetlab.ssh.backend import Read
from minetlab.util.paths import PROJECT_ROOT

WORKERS = 4
"""How many processes check machines where sheets are typed, which takes minutes for each sheet."""
QUICK, ALL_BUT_MEASUREMENTS, MEASUREMENTS = (
    "not sheet and not measurement", "not measurement", "measurement"
)  # fmt: skip


@dataclass
class Verdicts:
    """What a verification found; it is also the pytest plugin that collects it.

    :param failed: names of the failed checks, by the machine's alias.
    :param passed: how many checks passed, by the machine's alias.
    :param unreachable: aliases of the machines that did not answer.
    :param evidence: what the checks say of the claims.
    :param read: what the checks read: machine, command and output.
    :param measured: what the measurements found.
    :param checks: how each check ended, by machine and name.
    :param exit_codes: exit code of each run of pytest.
    """

    failed: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    passed: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    unreachable: set[str] = field(default_factory=set)
    evidence: list[Evidence] = field(default_factory=list)
    read: list[Read] = field(default_factory=list)
    measured: list[Measurement] = field(default_factory=list)
    checks: dict[tuple[str, str], Check] = field(default_factory=dict)
    exit_codes: list[int] = field(default_factory=list)

    @property
    def green(self) -> bool:
        """Whether no check failed, and at least one run of pytest had checks to run."""
        return 0 in self.exit_codes and set(self.exit_codes) <= {0, pytest.ExitCode.NO_TESTS_COLLECTED}

    def summary_of(self, machine: str) -> Text:
        """Return a few words about one machine."""
        if machine in self.unreachable:
            return Text("does not answer", style="red")
        if failed := self.failed.get(machine):
            return Text(f"{len(failed)} FAILED", style="red")
        if passed := self.passed.get(machine):
            return Text(f"{passed} checks passed", style="green")
        return Text("not verified", style="yellow")

    def as_run(self) -> Run:
        """Return what is kept of this verification, to compare later ones with it."""
        when = datetime.now().astimezone()
        return Run(when=when, checks=tuple(self.checks.values()), versions=versions_of(self.read))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect the outcome of one phase of a check (pytest's hook)."""
        check, carried = CheckId.of(report.nodeid), CarriedByReport.of(report)
        if report.failed:
            self.failed[check.machine].append(check.test)
            if _verdict(report, carried) == "not checked":
                self.unreachable.add(check.machine)
        elif report.passed and report.when == "call":
            self.passed[check.machine] += 1
        if report.when == "call" or not report.passed:
            self.checks[check.machine, check.name] = Check(
                machine=check.machine, name=check.name, outcome=report.outcome, reason=_reason(report)
            )
        self.evidence += _evidence(report, check, carried)
        self.read += carried.read
        self.measured += carried.measured


def _evidence(report: pytest.TestReport, check: CheckId, carried: CarriedByReport) -> list[Evidence]:
    """Return what one report says of each claim of its check; if it has none, only what is wrong."""
    if report.when == "teardown" or (report.when == "setup" and report.passed):
        return []
    of_no_claim = () if report.passed else (None,)
    observations = tuple(
        Observation(machine=machine, command=command, output=output)
        for machine, command, output in carried.read
    )
    return [
        Evidence(
            claim=claim,
            machine=check.machine,
            check=check.test,
            verdict=_verdict(report, carried),
            reason=_reason(report),
            observations=observations,
        )
        for claim in carried.claims or of_no_claim
    ]


def _verdict(report: pytest.TestReport, carried: CarriedByReport) -> Verdict:
    # Where the setup of a check fails, the machine does not answer. It may also stop answering later.
    if report.when == "setup" or carried.unreachable:
        return "not checked"
    verdicts: dict[str, Verdict] = {
        "passed": "demonstrated",
        "skipped": "not demonstrable",
        "failed": "violated",
    }
    return verdicts[report.outcome]


def _reason(report: pytest.TestReport) -> str:
    """Return why a check was skipped or failed, as the check itself says it; empty if it passed."""
    if report.passed:
        return ""
    if isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    message = crash.message if crash else report.longreprtext
    return str(message).removeprefix("AssertionError: ").removeprefix("Failed: ")


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
    """Check the machines of an inventory, and print what pytest says.

    A verification of the whole lab is remembered for ``lab verify --changed``.

    :param inventory: the inventory file.
    :param keyword: pytest's ``-k`` expression, to run only some checks; None: all.
    :param claim: ids of claims, with commas: all checks that prove them, and no others; None: all checks.
    :param student: logins of students, with commas: only the checks of their machines; None: all.
    :param junit: file to which the outcome is written as JUnit XML; that of the measurements goes to a file
        beside it. None: none is written.
    :param everything: whether to type the sheets as well, and to measure, which takes minutes where hosts are
        emulated.
    :param quietly: whether to leave out what failed, and why.
    :return: what the checks found.
    :raises LabError: the inventory cannot be read, or the verification cannot be remembered.
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
        # Some checks take minutes: a line for each shows that it goes on.
        arguments.append("-q" if quietly else "-v")
        _pytest(verdicts, ALL_BUT_MEASUREMENTS, WORKERS, arguments, junit)
        # In a run of their own, one after the other: what else runs on the hosts would be measured as well.
        measurements_junit = junit and junit.with_stem(f"{junit.stem}-measurements")
        _pytest(verdicts, MEASUREMENTS, 0, arguments, measurements_junit)
    if verdicts.checks and not any(narrowing.values()):
        path = history.path_of(load(inventory).lab.name, inventory, everything=everything)
        history.keep(path, verdicts.as_run(), green=verdicts.green)
    return verdicts


def _pytest(verdicts: Verdicts, kind: str, workers: int, arguments: list[str], junit: Path | None) -> None:
    checks = str(PROJECT_ROOT / "tests" / "hosts")
    output = ["--no-header", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    if junit:
        output += ["--junitxml", str(junit)]
    command = [checks, "-m", kind, "-n", str(workers), *output, *arguments]
    verdicts.exit_codes.append(int(pytest.main(command, plugins=[verdicts])))
