"""One run of the comparison: boot a host for each contestant, take turns, keep every measurement."""

import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from benchmarks.compare import results
from benchmarks.compare.contestant import HERE, ON_HOST, Arena, Contestant, described_version
from benchmarks.compare.contestants import CONTESTANTS
from benchmarks.compare.peers import for_hosts, peers_environment
from benchmarks.compare.results import Entrant, Measurement, Results
from benchmarks.compare.rows import VERBS, HostLoad, RunPlan, Verb, turns
from benchmarks.compare.timing import settle, timed
from benchmarks.kept import machine
from benchmarks.native import NativeHosts, firmware_image, native_hosts
from minetlab.images import Progress, build_rootfs
from minetlab.tp import tp_images
from minetlab.util.errors import LabError
from minetlab.util.files import make_folder
from minetlab.util.process import run

TP_IMAGE = "processus"
HOST_PACKAGES = (
    "docker-compose",
    "genisoimage",
    "python3",
    "python3-apt",
    "python3-docker",
    "python3-jinja2",
    "python3-libvirt",
    "python3-lxml",
    "python3-pycdlib",
    "python3-requests",
    "python3-yaml",
    "vagrant",
    "vagrant-libvirt",
    "virtinst",
)
LIMIT, LIMIT_EACH = 120.0, 20.0
"""Seconds that a command may take: in any case, and for each machine."""
MOST_FAILURES = 2
"""Of one contestant at one load, one after the other, before it is not tried again there."""
BUDGET = 900.0
"""Seconds after which a contestant takes part in no further round of a load, the second apart."""


def compare(plan: RunPlan, kept: Path, progress: Progress, *, resume: bool, only: tuple[str, ...]) -> Results:
    """Time all that is planned, and keep each measurement as soon as it is there.

    :param kept: the JSON file of the results.
    :param resume: go on from what is in it.
    :param only: names of the contestants; none: all.
    :raises LabError: the hosts cannot be booted, a contestant is unknown, or what is kept is of another plan.
    """
    chosen = _chosen(only)
    found = _begin(plan, kept, resume=resume)
    peers = _peers(progress)
    with native_hosts(len(chosen), progress, HOST_PACKAGES) as hosts:
        _Run(plan, found, kept, progress).go(chosen, hosts, peers)
    return found


def _peers(progress: Progress) -> Path | LabError:
    """The environment of the tools that PyPI has, or why it cannot be had."""
    try:
        return peers_environment(progress)
    except LabError as error:
        return error


def _chosen(only: tuple[str, ...]) -> list[type[Contestant]]:
    known = {each.name: each for each in CONTESTANTS}
    if unknown := [name for name in only if name not in known]:
        raise LabError(
            f"there is no contestant {', '.join(unknown)}", next_step=f"choose of: {', '.join(known)}"
        )
    return [known[name] for name in known if not only or name in only]


def _begin(plan: RunPlan, kept: Path, *, resume: bool) -> Results:
    as_json = asdict(plan) | {"cycles": [asdict(each) for each in plan.cycles]}
    as_json["standing"] = [asdict(each) for each in plan.standing]
    if not resume:
        return Results(machine=machine(), plan=as_json)
    found = results.load(kept)
    if found.plan != as_json:
        raise LabError(
            f"{kept} is of another plan", next_step="give the same --rounds and --seed, or no --resume"
        )
    found.measurements = [each for each in found.measurements if each.seconds is not None]
    return found


class _Run:
    """A run in progress."""

    def __init__(self, plan: RunPlan, found: Results, kept: Path, progress: Progress) -> None:
        self.plan = plan
        self.found = found
        self.kept = kept
        self.progress = progress
        self.contestants: dict[str, Contestant] = {}

    def go(self, chosen: list[type[Contestant]], hosts: NativeHosts, peers: Path | LabError) -> None:
        """Prepare the hosts, then time everything."""
        self.found.entrants = []
        for competitor, host in zip(chosen, hosts, strict=True):
            folder = hosts.folder / "contestants" / host.name
            make_folder(folder)
            there = None if isinstance(peers, LabError) else peers
            contestant = competitor(Arena(host, hosts, folder, there))
            self._enter(contestant, str(peers) if competitor.from_pypi and there is None else None)
        for load in self.plan.cycles:
            self._cycles(load)
        for load in self.plan.standing:
            self._standing(load)

    def _enter(self, contestant: Contestant, absent: str | None) -> None:
        """Prepare its host; one whose preparation fails does not compete, and that is said.

        :param absent: why it cannot in any case.
        """
        self.progress(f"{contestant.name}: preparing its host")
        try:
            if not absent:
                prepare_host(contestant.arena, self.progress)
                contestant.prepare()
                self.contestants[contestant.name] = contestant
        except LabError as error:
            absent = error.problem
        if absent:
            self.progress(f"{contestant.name} does not compete: {absent}")
        version = "" if absent else described_version(contestant)
        self.found.entrants.append(Entrant(contestant.name, contestant.how, version, absent))
        self.found.save(self.kept)

    def _able(self, load: HostLoad) -> list[str]:
        return [name for name, each in self.contestants.items() if load.kind in each.kinds]

    def _cycles(self, load: HostLoad) -> None:
        """In every round, each makes its machines, is told so again, and removes them."""
        for number, contestant in self._turns("remove", load, self._able(load)):
            if self._time(contestant, "create", load, number):
                self._time(contestant, "repeat", load, number)
                self._time(contestant, "remove", load, number)
            self._clear(contestant)

    def _standing(self, load: HostLoad) -> None:
        """Each makes its machines once; then, in every round, it is told so again."""
        able = [each for each in self._able(load) if self._missing(each, "repeat", load, self.plan.rounds)]
        made = [name for name in able if self._time(self.contestants[name], "create", load, 1)]
        for number, contestant in self._turns("repeat", load, made):
            self._time(contestant, "repeat", load, number)
        for contestant in [self.contestants[name] for name in able]:
            if contestant.name in made:
                self._time(contestant, "remove", load, 1)
            self._clear(contestant)

    def _clear(self, contestant: Contestant) -> None:
        """Have nothing on its host, whatever it left; one whose host does not answer competes no more."""
        try:
            contestant.arena.host.run(f"sh {ON_HOST}/clear.sh", limit=900)
        except LabError as error:
            self.progress(f"{contestant.name} competes no more: {error.problem}")
            del self.contestants[contestant.name]

    def _turns(self, last: Verb, load: HostLoad, names: list[str]) -> Iterator[tuple[int, Contestant]]:
        """Whose turn it is, but for those who have been given up here, and what is there already.

        :param last: what ends a turn.
        """
        spent = dict.fromkeys(names, 0.0)
        failures = dict.fromkeys(names, 0)
        for number, name in turns(sorted(names), self.plan.rounds, self.plan.seed, load):
            given_up = failures[name] >= MOST_FAILURES or (spent[name] > BUDGET and number > 2)  # noqa: PLR2004
            if given_up or name not in self.contestants or not self._missing(name, last, load, number):
                continue
            before, start = len(self.found.measurements), time.monotonic()
            yield number, self.contestants[name]
            spent[name] += time.monotonic() - start
            failed = any(each.problem for each in self.found.measurements[before:])
            failures[name] = failures[name] + 1 if failed else 0

    def _missing(self, name: str, last: Verb, load: HostLoad, number: int) -> bool:
        """Whether a contestant's turn is not there yet."""
        verbs = self.contestants[name].verbs
        verb = last if last in verbs else max(verbs, key=VERBS.index)
        return not self.found.has(name, verb, load, number)

    def _time(self, contestant: Contestant, verb: Verb, load: HostLoad, number: int) -> bool:
        """Time one command, if there is such a one; whether it did what it should."""
        if verb not in contestant.verbs:
            return True
        seconds, problem = None, None
        try:
            contestant.before(verb, load)
            command = contestant.command(verb, load)
            settle()
            seconds = timed(command, LIMIT + LIMIT_EACH * load.size)
            check(contestant.arena, load, there=verb != "remove")
        except LabError as error:
            seconds, problem = None, error.problem
        said = f"failed: {problem}" if problem else f"{seconds:.2f} s"
        self.progress(f"{load}, round {number}, {contestant.name}, {verb}: {said}")
        self.found.add(Measurement(contestant.name, verb, load.kind, load.size, number, seconds, problem))
        self.found.save(self.kept)
        return problem is None


def prepare_host(arena: Arena, progress: Progress) -> None:
    """Give a host what all contestants find there."""
    (image,) = tp_images.read([TP_IMAGE])
    arena.send(*sorted((HERE / "on_host").iterdir()))
    if arena.peers:
        arena.send(*for_hosts(arena.peers), to=f"{ON_HOST}/python")
    for file, name in (
        (firmware_image(progress), "base.qcow2"),
        (build_rootfs(tp_images.recipe(image), progress), "student.tar.gz"),
    ):
        run(
            ["scp", "-q", "-F", str(arena.hosts.ssh_config), str(file), f"{arena.host.name}:{ON_HOST}/{name}"]
        )
    arena.host.run(f"sh {ON_HOST}/prepare.sh", limit=600)


def check(arena: Arena, load: HostLoad, *, there: bool) -> None:
    """Look at the host itself: is what was asked for there, or is it gone?

    :raises LabError: it is not.
    """
    lines = [
        line.split(" ", 3) for line in arena.host.run(f"sh {ON_HOST}/observe.sh", limit=600).splitlines()
    ]
    guests = [line[2:] for line in lines if line[0] == "guest"]
    containers = [line[2:] for line in lines if line[0] == "container"]
    if not there:
        wrong = [line[1] for line in lines]
        problem = f"still there: {wrong}" if wrong else ""
    else:
        state = "shutoff" if load.kind == "class" else "running"
        whole = sum(each == [state, "2 1"] for each in guests)
        up = sum(each[0] == "running" and "->2222/tcp" in each[1] for each in containers)
        wanted = {"guests": (load.size, 0), "containers": (0, load.size), "class": (load.size, load.size)}
        problem = (
            ""
            if (whole, up) == wanted[load.kind]
            else f"{whole} guests and {up} containers are as they should be"
        )
    if problem:
        raise LabError(problem, next_step="see what it left")
