"""Measure how long guests take until all answer SSH, depending on how many of them boot at once.

It shows whether the lab chooses that number well. It runs on a native host, which has no hardware
virtualization, so that guests are emulated; each has four processors. The time is that of the whole deploy,
on a host that has everything but the guests.
"""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.compare.timing import settle
from benchmarks.kept import Kept, KeptRow
from benchmarks.markdown import table
from benchmarks.native import native_hosts, write_lab
from benchmarks.native.lab import logins
from benchmarks.numbers import spread
from benchmarks.part import Options, Simple
from benchmarks.usage import deployed
from minetlab.images import Progress
from minetlab.inventory.hosts import KVM_HOSTS

AIM = 1.15
SIZE = {"memory": 384, "cores": 4, "disk": 4}
AUTOMATIC = "automatic"
GUESTS, BOUNDS, ROUNDS = 10, (AUTOMATIC, "1", "2", "3", "4", "10"), 3


def _measured(
    guests: int, bounds: Sequence[str], rounds: int, seed: int, progress: Progress
) -> Iterator[tuple[str, float]]:
    """Yield each bound, once in every round, with the seconds until all guests answer."""
    order = random.Random(seed)  # noqa: S311 (nobody is to be kept from guessing it)
    with native_hosts(1, progress) as hosts:

        def inventory(students: int, bound: str) -> Path:
            kvm = {
                "guests_run": True,
                "guest": SIZE,
                "guest_image": {"debian": 13},
                "boots_at_once": None if bound == AUTOMATIC else int(bound),
            }
            folder = hosts.folder / "lab"
            return write_lab(
                hosts, folder, students=students, progress=progress, kvm=kvm, groups=(KVM_HOSTS,)
            )

        deployed(hosts, inventory(0, AUTOMATIC), "deploys/all.py")
        for _ in range(rounds):
            for bound in order.sample(bounds, len(bounds)):
                file = inventory(guests, bound)
                settle(limit=120)
                yield bound, deployed(hosts, file, "deploys/all.py")[0].seconds
                deployed(hosts, file, "deploys/remove.py", "--data", f"students={','.join(logins(guests))}")


def _rows(options: Options, progress: Progress) -> Iterator[KeptRow]:
    guests, bounds = (2, (AUTOMATIC, "1")) if options.quick else (GUESTS, BOUNDS)
    rounds = options.rounds or (1 if options.quick else ROUNDS)
    for bound, seconds in _measured(guests, bounds, rounds, options.seed, progress):
        progress(f"{guests} guests, {bound} at once: {seconds:.1f} s")
        yield {"guests": guests, "bound": bound, "seconds": round(seconds, 1)}


def _text(kept: Kept) -> str:
    spreads = {bound: spread(kept.series("seconds", bound=bound)) for bound in kept.values("bound")}
    medians = {bound: times.median for bound, times in spreads.items() if times}
    best = min(medians.values())
    # The lab's own choice comes first, then the others by number.
    order = sorted(spreads, key=lambda bound: (bound != AUTOMATIC, int(bound) if bound.isdigit() else 0))
    rows = [[bound, spreads[bound], f"{medians[bound] / best:.2f}"] for bound in order]
    (guests,) = kept.values("guests")
    return "\n".join(
        [
            "## How many guests boot at once (`boots`)\n",
            f"A deploy of {guests} guests with four processors each, until all answer SSH: emulated, on a "
            "native host with the processors of this machine. *automatic* is what the lab chooses "
            "([why](decisions/guests-start-as-others-answer.md)), and should take at most "
            f"{AIM} times the best.\n",
            table(["boot at once", "seconds", "times the best"], rows),
        ]
    )


PART = Simple("boots", _rows, _text)
