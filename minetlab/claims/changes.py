"""What differs between two verifications of a lab."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Literal

from minetlab.lab.base import Frozen

Outcome = Literal["passed", "failed", "skipped"]
ChangeKind = Literal[
    "came", "went", "new failure", "recovered", "not shown now", "shown now", "checks", "version"
]


class Check(Frozen):
    """How one check of a machine ended.

    :param name: with all that it is about, as pytest writes it.
    :param reason: why it did not pass; empty if it did.
    """

    machine: str
    name: str
    outcome: Outcome
    reason: str = ""


class Run(Frozen):
    """One verification of a whole lab.

    :param versions: what runs on each host: machine to thing to version.
    """

    when: datetime
    checks: tuple[Check, ...]
    versions: Mapping[str, Mapping[str, str]]

    @property
    def machines(self) -> set[str]:
        """The machines that were looked at."""
        return {check.machine for check in self.checks}

    def ended(self, outcome: Outcome) -> dict[tuple[str, str], Check]:
        """The checks that ended so, by machine and name."""
        return {(each.machine, each.name): each for each in self.checks if each.outcome == outcome}


class Past(Frozen):
    """What is known of earlier verifications.

    :param green: the last in which nothing failed.
    :param last: the last one, whatever came of it.
    """

    green: Run | None = None
    last: Run | None = None

    def then(self, run: Run, *, green: bool) -> "Past":
        """What is known after one more."""
        return Past(green=run if green else self.green, last=run)


class Change(Frozen):
    """One thing that differs.

    :param machine: the first, where it is the same on several, and how many more.
    :param said: what, and why; one line or more.
    """

    kind: ChangeKind
    machine: str
    said: str


def changes(past: Past, now: Run) -> tuple[Change, ...]:
    """All that differs from the last green run, and what the last run of all found wrong that is right now.

    Without a green run, all failures are new, and nothing else is known.
    """
    found = list(_folded("new failure", now.ended("failed").values()))
    if past.last:
        wrong, right = past.last.ended("failed"), now.ended("passed")
        found += _folded("recovered", [right[key] for key in wrong.keys() & right.keys()])
    if past.green:
        found += _since(past.green, now)
    return tuple(sorted(found, key=lambda each: (each.machine, each.kind, each.said)))


def _since(green: Run, now: Run) -> Iterator[Change]:
    for machine in now.machines - green.machines:
        yield Change(kind="came", machine=machine, said="was not there then")
    for machine in green.machines - now.machines:
        yield Change(kind="went", machine=machine, said="was there then")
    passed, skipped = now.ended("passed"), now.ended("skipped")
    # Of a machine that does not answer, one check fails, and that has been said.
    silent = {machine for machine, _ in now.ended("failed")}
    lost = [each for key, each in skipped.items() if key in green.ended("passed") and key[0] not in silent]
    yield from _folded("not shown now", lost)
    yield from _folded("shown now", [each for key, each in passed.items() if key in green.ended("skipped")])
    then, today = (Counter(each.machine for each in run.checks) for run in (green, now))
    for machine in then.keys() & today.keys():
        if then[machine] != today[machine]:
            yield Change(kind="checks", machine=machine, said=f"{then[machine]} then, {today[machine]} now")
    for machine in green.versions.keys() & now.versions.keys():
        was, has = green.versions[machine], now.versions[machine]
        for thing in sorted(was.keys() & has.keys()):
            if was[thing] != has[thing]:
                yield Change(
                    kind="version", machine=machine, said=f"{thing}: {was[thing]} then, {has[thing]} now"
                )


def _folded(kind: ChangeKind, checks: Iterable[Check]) -> Iterator[Change]:
    """One thing for all that has the same reason, on whatever machines, or else for a machine."""
    groups: dict[str, list[Check]] = defaultdict(list)
    for check in sorted(checks, key=lambda each: (each.machine, each.name)):
        groups[check.reason or check.machine].append(check)
    for group in groups.values():
        reason = group[0].reason
        names = _and_more([each.name for each in group])
        machines = _and_more([each.machine for each in group])
        yield Change(kind=kind, machine=machines, said=f"{names}: {reason}" if reason else names)


def _and_more(words: Iterable[str]) -> str:
    first, *more = dict.fromkeys(words)
    return f"{first} and {len(more)} more" if more else first
