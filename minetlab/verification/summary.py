"""What is said of a verification in the end, where a check could not be done. No I/O."""

from collections import Counter
from collections.abc import Iterable, Iterator


def not_shown(reasons: Iterable[str]) -> Iterator[str]:
    """Lines of why checks were skipped: one for each reason, with all the machines that it holds for.

    :param reasons: one for each check that was skipped, ``machine: why``.

    >>> list(not_shown(["minet-bob: not started", "minet-alice: not started", "minet-bob: not started"]))
    ['not started (3 checks): minet-alice, minet-bob']
    """
    checks: Counter[str] = Counter()
    machines: dict[str, set[str]] = {}
    for reason in reasons:
        machine, _, why = reason.partition(": ")
        checks[why] += 1
        machines.setdefault(why, set()).add(machine)
    for why, count in sorted(checks.items()):
        yield f"{why} ({count} {'check' if count == 1 else 'checks'}): {', '.join(sorted(machines[why]))}"
