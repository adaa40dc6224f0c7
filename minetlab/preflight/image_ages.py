"""Check how old the images of a lab are, without asking Debian's mirror."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from minetlab.inventory.hosts import InventoryHost
from minetlab.lab import Lab
from minetlab.preflight.findings import Finding, Severity
from minetlab.preflight.this_machine import HERE
from minetlab.supply.age import FRESH, ages
from minetlab.supply.lab_images import lab_images
from minetlab.util.errors import LabError
from minetlab.util.names import named

AGES_CHECK = "image ages"
REFRESH = (
    "./lab up --refresh builds images anew, and containers with them; guests that exist keep their disks"
)


def ages_here(lab: Lab, hosts: Iterable[InventoryHost], now: datetime) -> Iterator[Finding]:
    """Check the ages of a lab's images.

    :param lab: the lab.
    :param hosts: the hosts of its inventory.
    :param now: the present time.
    :yields: one finding; none if no image was built yet, or if another check has a problem with the images.
    """
    try:
        found_ages = ages(lab_images(lab, hosts), now)
    except LabError:
        return
    dates = found_ages.dates
    if not dates:
        return
    oldest = min(dates, key=lambda name: dates[name])
    message = f"{len(dates)} built; the oldest, {oldest}, is of Debian as of {dates[oldest]:%Y-%m-%d}"
    reasons = []
    if found_ages.outdated:
        reasons.append(f"newer packages are known for {named(found_ages.outdated)}")
    if found_ages.stale:
        reasons.append(f"{named(found_ages.stale)}: not compared with the mirror for {FRESH.days} days")
    if reasons:
        message = "; ".join((message, *reasons))
        yield Finding(HERE, AGES_CHECK, Severity.WARNING, message, REFRESH)
    else:
        yield Finding(HERE, AGES_CHECK, Severity.OK, message)
