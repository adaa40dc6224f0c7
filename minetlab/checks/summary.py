"""The lines at the end of a verification that say which checks were skipped, and why. No I/O."""

from collections.abc import Iterable, Iterator

from minetlab.util.names import named


def skipped_lines(reasons: Iterable[str]) -> Iterator[str]:
    """Say why checks were skipped, one line for each reason.

    :param reasons: one for each check that was skipped: ``machine: why``.
    :yields: the reason, the number of checks, and the machines that it holds for.

    >>> list(skipped_lines(["minet-bob: not started", "minet-alice: not started", "minet-bob: not started"]))
    ['not started (3 checks): minet-alice, minet-bob']
    """
    machines_by_reason: dict[str, list[str]] = {}
    for reason in reasons:
        machine, _, why = reason.partition(": ")
        machines_by_reason.setdefault(why, []).append(machine)
    for why, machines in sorted(machines_by_reason.items()):
        checks = "1 check" if len(machines) == 1 else f"{len(machines)} checks"
        yield f"{why} ({checks}): {named(sorted(set(machines)))}"
