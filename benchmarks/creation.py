"""Measure how long a host is busy making and removing machines: the lab's operations beside the APIs alone.

It runs on native hosts. Of a run of the lab, only the operation that makes or removes the machines counts,
from its start to its end: what pyinfra takes besides is much the same for any number of machines, and the
comparison measures it.
"""

import random
import subprocess
import time
from collections.abc import Iterator, Sequence

from benchmarks.compare.contestant import ON_HOST, Arena, Contestant
from benchmarks.compare.contestants.floor import Floor
from benchmarks.compare.contestants.minet_lab import MinetLab
from benchmarks.compare.rows import FULL_CYCLES, QUICK_CYCLES, HostLoad, Verb
from benchmarks.compare.run import HOST_PACKAGES, check, prepare_host
from benchmarks.compare.timing import settle, timed
from benchmarks.kept import Kept, KeptRow
from benchmarks.markdown import table
from benchmarks.native import native_hosts
from benchmarks.native.lab import logins
from benchmarks.numbers import spread
from benchmarks.part import Options, Simple
from minetlab.images import Progress
from minetlab.util.errors import LabError
from minetlab.util.files import make_folder
from minetlab.util.paths import PROJECT_ROOT

OPERATIONS: dict[tuple[str, Verb], str] = {
    ("guests", "create"): "Run the students' guests",
    ("guests", "remove"): "Remove the students' guests",
    ("containers", "create"): "Run the students' containers",
    ("containers", "remove"): "Remove the students' containers",
}
VERBS: tuple[Verb, ...] = ("create", "remove")
ROUNDS = 5
AIM = 1.1
LIMIT = 1200.0
"""Seconds that the making of all machines of a load may take."""


class TimedLab(MinetLab):
    """The lab, of whose runs one operation is timed."""

    def seconds(self, verb: Verb, load: HostLoad) -> float:
        """Return the seconds that the operation takes which makes or removes the machines."""
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
            last_lines = "".join(line for _, line in lines[-30:])
            raise LabError(f"{' '.join(words)} failed:\n{last_lines}", next_step="run it by hand")
        return _duration(lines, OPERATIONS[load.kind, verb])


def _duration(lines: list[tuple[float, str]], operation: str) -> float:
    """Return the seconds from the line that announces an operation to the one that reports its success."""
    start = next(time for time, line in lines if "Starting operation" in line and operation in line)
    return next(time for time, line in lines if time > start and "] Success" in line) - start


def _measured(
    loads: Sequence[HostLoad], rounds: int, seed: int, progress: Progress
) -> Iterator[tuple[HostLoad, Verb, float, float]]:
    """Yield each load and verb, once in every round, with the seconds of the lab and of the APIs."""
    order = random.Random(seed)  # noqa: S311 (nobody is to be kept from guessing it)
    with native_hosts(2, progress, HOST_PACKAGES) as hosts:
        arenas = []
        for host in hosts:
            folder = hosts.folder / "contestants" / host.name
            make_folder(folder)
            arenas.append(Arena(host, hosts, folder, None))
            prepare_host(arenas[-1], progress)
        lab, floor = TimedLab(arenas[0]), Floor(arenas[1])
        for contestant in (lab, floor):
            contestant.prepare()
        for load in loads:
            for _ in range(rounds):
                seconds = {
                    contestant.name: _one_round(contestant, load)
                    for contestant in order.sample((lab, floor), 2)
                }
                for verb in VERBS:
                    yield load, verb, seconds[lab.name][verb], seconds[floor.name][verb]


def _one_round(contestant: Contestant, load: HostLoad) -> dict[Verb, float]:
    seconds: dict[Verb, float] = {}
    for verb in VERBS:
        contestant.before(verb, load)
        settle()
        if isinstance(contestant, TimedLab):
            seconds[verb] = contestant.seconds(verb, load)
        else:
            seconds[verb] = timed(contestant.command(verb, load), LIMIT)
        check(contestant.arena, load, present=verb == "create")
    contestant.arena.host.run(f"sh {ON_HOST}/clear.sh", limit=900)
    return seconds


def _rows(options: Options, progress: Progress) -> Iterator[KeptRow]:
    loads = QUICK_CYCLES if options.quick else FULL_CYCLES
    rounds = options.rounds or (1 if options.quick else ROUNDS)
    for load, verb, lab, floor in _measured(loads, rounds, options.seed, progress):
        progress(f"{load}, {verb}: {lab:.2f} s, APIs {floor:.2f} s, ratio {lab / floor:.2f}")
        ratio = {"lab": round(lab, 3), "floor": round(floor, 3), "ratio": round(lab / floor, 3)}
        yield {"load": str(load), "verb": verb} | ratio


def _text(kept: Kept) -> str:
    rows = [
        [
            load,
            verb,
            *(spread(kept.series(value, load=load, verb=verb)) for value in ("lab", "floor", "ratio")),
        ]
        for load in kept.values("load")
        for verb in kept.values("verb")
    ]
    return "\n".join(
        [
            "## On the host alone (`creation`)\n",
            "How long a host is busy making machines and removing them: the one operation of the lab that "
            "does it, beside libvirt's and Docker's APIs from eight threads. It looks at what there is "
            "first, which they do not ([what that takes](decisions/machines-are-made-side-by-side.md)). "
            f"The aim is a ratio of {AIM} at most.\n",
            table(["", "", "the lab", "APIs", "ratio"], rows),
        ]
    )


PART = Simple("creation", _rows, _text)
