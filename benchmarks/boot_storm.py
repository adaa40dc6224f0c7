"""How long guests take until all answer SSH, by how many of them boot at once: whether the lab chooses well.

    python benchmarks/boot_storm.py --guests 10 --rounds 2

As root, on a native host, which has no hardware virtualization to give: guests are emulated, with four
processors each. Timed is the whole deploy, on a host that has everything but the guests.
"""

import argparse
import random
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from benchmarks.compare.timing import settle
from benchmarks.native import native_hosts, write_lab
from benchmarks.native.hosts import NativeHosts
from benchmarks.native.lab import logins
from minetlab.images.process import run
from minetlab.inventory import KVM_HOSTS

GUESTS = {"memory": 384, "cores": 4, "disk": 4}
AUTOMATIC = "automatic"


def deploy(inventory: Path, hosts: NativeHosts, what: str, *words: str) -> float:
    """Run a deploy; returns the seconds that it took."""
    environment = {"LC_ALL": "C.UTF-8", "MINETLAB_STATE": str(hosts.folder / "state")}
    command = [sys.executable, "-m", "pyinfra", "-y", str(inventory), f"deploys/{what}.py", *words]
    start = time.perf_counter()
    run(command, env=environment, limit=3600)
    return time.perf_counter() - start


def measured(guests: int, bounds: list[str], rounds: int) -> Iterator[tuple[str, float]]:
    """Each bound in turn, as many times as there are rounds: seconds until all guests answer."""
    order = random.Random(1)  # noqa: S311 (nobody is to be kept from guessing it)
    with native_hosts(1, print) as hosts:

        def inventory(students: int, bound: str) -> Path:
            kvm = {
                "guests_run": True,
                "guest": GUESTS,
                "guest_image": {"debian": 13},
                "boots_at_once": None if bound == AUTOMATIC else int(bound),
            }
            folder = hosts.folder / "lab"
            return write_lab(hosts, folder, students=students, progress=print, kvm=kvm, groups=(KVM_HOSTS,))

        deploy(inventory(0, AUTOMATIC), hosts, "all")
        for _ in range(rounds):
            for bound in order.sample(bounds, len(bounds)):
                file = inventory(guests, bound)
                settle(limit=120)
                yield bound, deploy(file, hosts, "all")
                deploy(file, hosts, "remove", "--data", f"students={','.join(logins(guests))}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--guests", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--bounds", nargs="+", default=[AUTOMATIC, "1", "2", "3", "4", "10"])
    arguments = parser.parse_args()
    found: dict[str, list[float]] = defaultdict(list)
    for bound, took in measured(arguments.guests, arguments.bounds, arguments.rounds):
        print(f"{arguments.guests} guests, {bound} at once: {took:.1f} s", flush=True)
        found[bound].append(took)
    best = min(statistics.median(each) for each in found.values())
    for bound, times in found.items():
        median = statistics.median(times)
        print(
            f"{bound}: {median:.1f} s ({min(times):.1f} … {max(times):.1f}), {median / best:.2f} of the best"
        )


if __name__ == "__main__":
    main()
