"""What differs between two verifications of a lab."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Literal

from minetlab.lab.base import Frozen

Outcome = Literal["passed", "failed", "skipped"]
ChangeKind = Literal[
    "added", "removed", "new failure", "recovered", "not shown now", "shown now", "checks", "version"
]


class Check(Frozen):
    """How one check of a machine ended.

    :param machine: alias of the machine.
    :param name: name of the check as pytest writes it, with the TP and the claim that it is about, if any.
    :param outcome: what pytest says of it.
    :param reason: why it did not pass; empty if it did.
    """

    machine: str
    name: str
    outcome: Outcome
    reason: str = ""


class Run(Frozen):
    """One verification of a whole lab.

    :param when: when it ended.
    :param checks: all its checks.
    :param versions: software versions of each host: alias, to name of the software, to version.
    """

    when: datetime
    checks: tuple[Check, ...]
    versions: Mapping[str, Mapping[str, str]]

    @property
    def machines(self) -> set[str]:
        """The machines that were looked at."""
        return {check.machine for check in self.checks}

    def ended(self, outcome: Outcome) -> dict[tuple[str, str], Check]:
        """Return the checks with this outcome, by machine and name."""
        return {(check.machine, check.name): check for check in self.checks if check.outcome == outcome}


class EarlierRuns(Frozen):
    """The earlier verifications of a lab that are remembered.

    :param green: the last one in which nothing failed; None: there was none.
    :param last: the last one, green or not; None: there was none.
    """

    green: Run | None = None
    last: Run | None = None

    def then(self, run: Run, *, green: bool) -> "EarlierRuns":
        """Return what is remembered after one more verification."""
        return EarlierRuns(green=run if green else self.green, last=run)


class Change(Frozen):
    """One difference between two verifications.

    :param kind: what kind of difference it is.
    :param machine: alias of the machine. If it is the same on several: the first, and how many more.
    :param text: what differs, and why; one line or more.
    """

    kind: ChangeKind
    machine: str
    text: str


def changes(past: EarlierRuns, run: Run) -> tuple[Change, ...]:
    """List what differs between a verification and earlier ones.

    It is compared with the last green run. What failed in the last run of all, and passes now, is listed as
    recovered. Without a green run, only failures and what recovered can be told.

    :param past: the earlier verifications.
    :param run: the verification of today.
    :return: the differences, sorted by machine.
    """
    differences = list(_grouped("new failure", run.ended("failed").values()))
    if past.last:
        failed_last, passed_now = past.last.ended("failed"), run.ended("passed")
        recovered = failed_last.keys() & passed_now.keys()
        differences += _grouped("recovered", [passed_now[key] for key in recovered])
    if past.green:
        differences += _machines(past.green, run)
        differences += _outcomes(past.green, run)
        differences += _check_counts(past.green, run)
        differences += _versions(past.green, run)
    return tuple(sorted(differences, key=lambda change: (change.machine, change.kind, change.text)))


def _machines(green: Run, run: Run) -> Iterator[Change]:
    for machine in run.machines - green.machines:
        yield Change(kind="added", machine=machine, text="not in the last green run")
    for machine in green.machines - run.machines:
        yield Change(kind="removed", machine=machine, text="in the last green run, but not in this one")


def _outcomes(green: Run, run: Run) -> Iterator[Change]:
    passed, skipped = run.ended("passed"), run.ended("skipped")
    passed_before, skipped_before = green.ended("passed"), green.ended("skipped")
    # Where a machine does not answer, one of its checks fails and the others are skipped. One line is enough.
    failing = {machine for machine, _ in run.ended("failed")}
    lost = [check for key, check in skipped.items() if key in passed_before and check.machine not in failing]
    yield from _grouped("not shown now", lost)
    yield from _grouped("shown now", [check for key, check in passed.items() if key in skipped_before])


def _check_counts(green: Run, run: Run) -> Iterator[Change]:
    old_counts = Counter(check.machine for check in green.checks)
    new_counts = Counter(check.machine for check in run.checks)
    for machine in old_counts.keys() & new_counts.keys():
        old, new = old_counts[machine], new_counts[machine]
        if old != new:
            yield Change(kind="checks", machine=machine, text=f"{old} then, {new} now")


def _versions(green: Run, run: Run) -> Iterator[Change]:
    for machine in green.versions.keys() & run.versions.keys():
        old_versions, new_versions = green.versions[machine], run.versions[machine]
        for software in sorted(old_versions.keys() & new_versions.keys()):
            old, new = old_versions[software], new_versions[software]
            if old != new:
                yield Change(kind="version", machine=machine, text=f"{software}: {old} then, {new} now")


def _grouped(kind: ChangeKind, checks: Iterable[Check]) -> Iterator[Change]:
    """Yield one change for all checks with the same reason, and one a machine for those without a reason."""
    groups: dict[str, list[Check]] = defaultdict(list)
    for check in sorted(checks, key=lambda check: (check.machine, check.name)):
        groups[check.reason or check.machine].append(check)
    for group in groups.values():
        reason = group[0].reason
        names = _first_and_count(check.name for check in group)
        machines = _first_and_count(check.machine for check in group)
        yield Change(kind=kind, machine=machines, text=f"{names}: {reason}" if reason else names)


def _first_and_count(names: Iterable[str]) -> str:
    first, *others = dict.fromkeys(names)
    return f"{first} and {len(others)} more" if others else first
