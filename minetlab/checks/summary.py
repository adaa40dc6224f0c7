"""What is said of a verification in the end, where a check could not be done. No I/O."""

from collections.abc import Iterable, Iterator

from minetlab.util.names import named


def not_shown(reasons: Iterable[str]) -> Iterator[str]:
    """Lines of why checks were skipped: one for each reason, with the machines that it holds for.

    :param reasons: one for each check that was skipped, ``machine: why``.

    >>> list(not_shown(["minet-bob: not started", "minet-alice: not started", "minet-bob: not started"]))
    ['not started (3 checks): minet-alice, minet-bob']
    """
    skipped: dict[str, list[str]] = {}
    for reason in reasons:
        machine, _, why = reason.partition(": ")
        skipped.setdefault(why, []).append(machine)
    for why, machines in sorted(skipped.items()):
        checks = "1 check" if len(machines) == 1 else f"{len(machines)} checks"
        yield f"{why} ({checks}): {named(sorted(set(machines)))}"
