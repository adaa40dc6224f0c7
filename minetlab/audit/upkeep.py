"""How old the software of hosts and images is. No I/O."""

from collections.abc import Iterator

from minetlab.audit.weaknesses import AuditedHost, Look, ThisMachine, Weight
from minetlab.supply.age import FRESH
from minetlab.util.names import named

DAY = 24 * 3600.0
OLD_LISTS, OLD_IMAGE = 7 * DAY, FRESH.total_seconds()
"""Seconds after which package lists, and images, are old."""


def updates(host: AuditedHost) -> Iterator[Look]:
    """Yield updates that a host knows of and has not, and that it may know of none."""
    security = host.security
    upgrades = security.upgrades or {}
    of_security = [name for name, origin in upgrades.items() if "security" in origin.lower()]
    others = [name for name in upgrades if name not in of_security]
    upgrade = f"on {host.alias}: apt-get upgrade"
    if of_security:
        problem = f"{len(of_security)} packages lack security updates: {named(of_security)}"
        yield Weight.MEDIUM, problem, upgrade
    if others:
        yield Weight.LOW, f"{len(others)} packages lack updates: {named(others)}", upgrade
    # The packages of a sandbox host are those of its image, whose age is another rule.
    if not host.in_sandbox:
        yield from _lists(host)


def _lists(host: AuditedHost) -> Iterator[Look]:
    fetched, update = host.security.lists_fetched, f"on {host.alias}: apt-get update"
    if fetched is None:
        yield Weight.LOW, "it has no package lists, so nothing is known of updates", update
    elif (age := host.security.time - fetched) > OLD_LISTS:
        problem = f"its package lists are {age / DAY:.0f} days old, so newer updates are not known"
        yield Weight.LOW, problem, update


def images(here: ThisMachine) -> Iterator[Look]:
    """Yield images whose packages are old."""
    for name, built in sorted(here.images.items()):
        if (age := here.now - built) > OLD_IMAGE:
            yield (
                Weight.MEDIUM,
                f"{name} was last known to be up to date {age / DAY:.0f} days ago",
                "run lab up --refresh, which rebuilds it for new machines if Debian has newer packages",
            )
