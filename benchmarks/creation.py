"""How long a host is busy making machines and removing them: the lab's operations beside the APIs themselves.

    python benchmarks/creation.py --rounds 3

As root, on native hosts. Of the lab's runs counts the operation that makes or removes them, from its start to
its end: what pyinfra takes besides is much the same for any number of machines, and is timed by lab bench.
"""

import argparse
import random
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator

from benchmarks.compare.contestant import ON_HOST, Arena
from benchmarks.compare.contestants.floor import Floor
from benchmarks.compare.contestants.minet_lab import MinetLab
from benchmarks.compare.rows import FULL_CYCLES, Load, Verb
from benchmarks.compare.run import HOST_PACKAGES, check, prepare_host
from benchmarks.compare.timing import settle, timed
from benchmarks.native import native_hosts
from benchmarks.native.lab import logins
from minetlab.files import make_folder
from minetlab.paths import PROJECT_ROOT

OPERATIONS: dict[tuple[str, Verb], str] = {
    ("guests", "create"): "Run the students' guests",
    ("guests", "remove"): "Remove the students' guests",
    ("containers", "create"): "Run the students' containers",
    ("containers", "remove"): "Remove the students' containers",
}
VERBS: tuple[Verb, ...] = ("create", "remove")
LIMIT = 1200.0
"""Seconds that the making of all machines of a load may take."""


class Lab(MinetLab):
    """The lab, timed an operation at a time."""

    def seconds(self, verb: Verb, load: Load) -> float:
        """What the operation that makes or removes the machines takes on the host."""
        command = self.command(verb, load)
        words = command.words
        if verb == "remove":
            words = [*words[:-1], "deploys/remove.py", "--data", f"students={','.join(logins(load.size))}"]
        with subprocess.Popen(
            words,
            cwd=PROJECT_ROOT,
            env={"LC_ALL": "C.UTF-8", "PYTHONUNBUFFERED": "1", **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as run:
            assert run.stdout is not None
            lines = [(time.perf_counter(), line) for line in run.stdout]
        if run.returncode:
            sys.exit("".join(line for _, line in lines[-30:]))
        return _between(lines, OPERATIONS[load.kind, verb])


def _between(lines: list[tuple[float, str]], operation: str) -> float:
    """Seconds from the line that an operation begins to the one that it has changed the host."""
    begun = next(at for at, line in lines if "Starting operation" in line and operation in line)
    return next(at for at, line in lines if at > begun and "] Success" in line) - begun


def measured(rounds: int, seed: int) -> Iterator[tuple[Load, Verb, float, float]]:
    """Every load, by the lab and by the APIs, in turns: seconds of both."""
    order = random.Random(seed)  # noqa: S311 (nobody is to be kept from guessing it)
    with native_hosts(2, print, HOST_PACKAGES) as hosts:
        arenas = []
        for host in hosts:
            folder = hosts.folder / "contestants" / host.name
            make_folder(folder)
            arenas.append(Arena(host, hosts, folder, None))
            prepare_host(arenas[-1], print)
        lab, floor = Lab(arenas[0]), Floor(arenas[1])
        for each in (lab, floor):
            each.prepare()
        for load in FULL_CYCLES:
            for _ in range(rounds):
                took: dict[tuple[str, Verb], float] = {}
                for contestant in order.sample((lab, floor), 2):
                    for verb in VERBS:
                        contestant.before(verb, load)
                        settle()
                        took[contestant.name, verb] = (
                            contestant.seconds(verb, load)
                            if isinstance(contestant, Lab)
                            else timed(contestant.command(verb, load), LIMIT)
                        )
                        check(contestant.arena, load, there=verb == "create")
                    contestant.arena.host.run(f"sh {ON_HOST}/clear.sh", limit=900)
                for verb in VERBS:
                    yield load, verb, took[lab.name, verb], took[floor.name, verb]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    pairs: dict[tuple[Load, Verb], list[tuple[float, float]]] = defaultdict(list)
    for load, verb, lab, floor in measured(arguments.rounds, arguments.seed):
        print(f"{load}, {verb}: {lab:.2f} s, APIs {floor:.2f} s, ratio {lab / floor:.2f}", flush=True)
        pairs[load, verb].append((lab, floor))
    for (load, verb), found in pairs.items():
        ratios = sorted(lab / floor for lab, floor in found)
        print(f"{load}, {verb}: median ratio {statistics.median(ratios):.2f}", end=" ")
        print(f"({ratios[0]:.2f} … {ratios[-1]:.2f})")


if __name__ == "__main__":
    main()
