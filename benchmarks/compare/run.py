"""Run the comparison: boot a host for each contestant, let them take turns, and keep every measurement."""

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
"""The seconds that a command may take: a base, and for each machine."""
MOST_FAILURES = 2
"""After so many failures in a row, a contestant is not tried again at that load."""
BUDGET = 900.0
"""The seconds after which a contestant takes part in no further round of a load, but at least in two."""


def compare(plan: RunPlan, kept: Path, progress: Progress, *, resume: bool, only: tuple[str, ...]) -> Results:
    """Time everything that is planned, and write the results again after each measurement.

    :param plan: what is timed.
    :param kept: the JSON file of the results.
    :param progress: called with each line that says what is done.
    :param resume: go on from the results in the file.
    :param only: the names of the contestants that take part; empty: all.
    :return: the results.
    :raises LabError: the hosts cannot be booted, a contestant is unknown, or the file is of another plan.
    """
    chosen = _chosen(only)
    run_results = _begin(plan, kept, resume=resume)
    peers = _peers(progress)
    with native_hosts(len(chosen), progress, HOST_PACKAGES) as hosts:
        _Run(plan, run_results, kept, progress).go(chosen, hosts, peers)
    return run_results


def _peers(progress: Progress) -> Path | LabError:
    """Return the environment of the tools from PyPI, or why they cannot be installed."""
    try:
        return peers_environment(progress)
    except LabError as error:
        return error


def _chosen(only: tuple[str, ...]) -> list[type[Contestant]]:
    existing = [contestant.name for contestant in CONTESTANTS]
    if unknown := [name for name in only if name not in existing]:
        raise LabError(
            f"there is no contestant {', '.join(unknown)}", next_step=f"choose of: {', '.join(existing)}"
        )
    return [contestant for contestant in CONTESTANTS if not only or contestant.name in only]


def _begin(plan: RunPlan, kept: Path, *, resume: bool) -> Results:
    as_json = asdict(plan) | {"cycles": [asdict(load) for load in plan.cycles]}
    as_json["standing"] = [asdict(load) for load in plan.standing]
    if not resume:
        return Results(machine=machine(), plan=as_json)
    earlier = results.load(kept)
    if earlier.plan != as_json:
        raise LabError(
            f"{kept} is of another plan", next_step="give the same --rounds and --seed, or no --resume"
        )
    earlier.measurements = [
        measurement for measurement in earlier.measurements if measurement.seconds is not None
    ]
    return earlier


class _Run:
    """A run of the comparison in progress."""

    def __init__(self, plan: RunPlan, run_results: Results, kept: Path, progress: Progress) -> None:
        self.plan = plan
        self.results = run_results
        self.kept = kept
        self.progress = progress
        self.contestants: dict[str, Contestant] = {}

    def go(self, chosen: list[type[Contestant]], hosts: NativeHosts, peers: Path | LabError) -> None:
        """Prepare the hosts, then time everything."""
        self.results.entrants = []
        environment = None if isinstance(peers, LabError) else peers
        for contestant_type, host in zip(chosen, hosts, strict=True):
            folder = hosts.folder / "contestants" / host.name
            make_folder(folder)
            contestant = contestant_type(Arena(host, hosts, folder, environment))
            self._enter(contestant, str(peers) if contestant.from_pypi and environment is None else None)
        for load in self.plan.cycles:
            self._cycles(load)
        for load in self.plan.standing:
            self._standing(load)

    def _enter(self, contestant: Contestant, absent: str | None) -> None:
        """Prepare a contestant and its host; if that fails, it does not compete.

        :param contestant: the contestant.
        :param absent: why it cannot compete in any case; None if it can.
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
        self.results.entrants.append(Entrant(contestant.name, contestant.how, version, absent))
        self.results.save(self.kept)

    def _able(self, load: HostLoad) -> list[str]:
        return [name for name, contestant in self.contestants.items() if load.kind in contestant.kinds]

    def _cycles(self, load: HostLoad) -> None:
        """Have each contestant make its machines, repeat that, and remove them, in every round."""
        for number, contestant in self._turns("remove", load, self._able(load)):
            if self._time(contestant, "create", load, number):
                self._time(contestant, "repeat", load, number)
                self._time(contestant, "remove", load, number)
            self._clear(contestant)

    def _standing(self, load: HostLoad) -> None:
        """Have each contestant make its machines once, and repeat that in every round."""
        able = [name for name in self._able(load) if self._missing(name, "repeat", load, self.plan.rounds)]
        made = [name for name in able if self._time(self.contestants[name], "create", load, 1)]
        for number, contestant in self._turns("repeat", load, made):
            self._time(contestant, "repeat", load, number)
        for contestant in [self.contestants[name] for name in able]:
            if contestant.name in made:
                self._time(contestant, "remove", load, 1)
            self._clear(contestant)

    def _clear(self, contestant: Contestant) -> None:
        """Remove everything from a contestant's host; if the host does not answer, it competes no more."""
        try:
            contestant.arena.host.run(f"sh {ON_HOST}/clear.sh", limit=900)
        except LabError as error:
            self.progress(f"{contestant.name} competes no more: {error.problem}")
            del self.contestants[contestant.name]

    def _turns(self, last: Verb, load: HostLoad, names: list[str]) -> Iterator[tuple[int, Contestant]]:
        """Yield the turns that are not measured yet, of contestants that are not given up.

        :param last: the verb that ends a turn.
        :param load: the load.
        :param names: the names of the contestants.
        :yields: the number of the round, and the contestant.
        """
        spent = dict.fromkeys(names, 0.0)
        failures = dict.fromkeys(names, 0)
        for number, name in turns(sorted(names), self.plan.rounds, self.plan.seed, load):
            given_up = failures[name] >= MOST_FAILURES or (spent[name] > BUDGET and number > 2)  # noqa: PLR2004
            if given_up or name not in self.contestants or not self._missing(name, last, load, number):
                continue
            before, start = len(self.results.measurements), time.monotonic()
            yield number, self.contestants[name]
            spent[name] += time.monotonic() - start
            failed = any(measurement.problem for measurement in self.results.measurements[before:])
            failures[name] = failures[name] + 1 if failed else 0

    def _missing(self, name: str, last: Verb, load: HostLoad, number: int) -> bool:
        """Tell whether a contestant's turn was not measured to its end yet."""
        verbs = self.contestants[name].verbs
        verb = last if last in verbs else max(verbs, key=VERBS.index)
        return not self.results.has(name, verb, load, number)

    def _time(self, contestant: Contestant, verb: Verb, load: HostLoad, number: int) -> bool:
        """Time one command, if the contestant has it; return False if it failed."""
        if verb not in contestant.verbs:
            return True
        seconds, problem = None, None
        try:
            contestant.before(verb, load)
            command = contestant.command(verb, load)
            settle()
            seconds = timed(command, LIMIT + LIMIT_EACH * load.size)
            check(contestant.arena, load, present=verb != "remove")
        except LabError as error:
            seconds, problem = None, error.problem
        result = f"failed: {problem}" if problem else f"{seconds:.2f} s"
        self.progress(f"{load}, round {number}, {contestant.name}, {verb}: {result}")
        self.results.add(Measurement(contestant.name, verb, load.kind, load.size, number, seconds, problem))
        self.results.save(self.kept)
        return problem is None


def prepare_host(arena: Arena, progress: Progress) -> None:
    """Copy the files to a host that all contestants need there, and prepare it."""
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


def check(arena: Arena, load: HostLoad, *, present: bool) -> None:
    """Check on the host itself that all machines of a load are there, or that none is.

    :param arena: the arena with the host.
    :param load: the load.
    :param present: whether the machines have to be there, or to be gone.
    :raises LabError: they are not.
    """
    output = arena.host.run(f"sh {ON_HOST}/observe.sh", limit=600)
    machines = [line.split(" ", 3) for line in output.splitlines()]
    problem = ""
    if present:
        state = "shutoff" if load.kind == "class" else "running"
        guests = [details for kind, _, *details in machines if kind == "guest"]
        containers = [details for kind, _, *details in machines if kind == "container"]
        good_guests = sum(details == [state, "2 1"] for details in guests)
        good_containers = sum(
            details[0] == "running" and "->2222/tcp" in details[1] for details in containers
        )
        wanted = {"guests": (load.size, 0), "containers": (0, load.size), "class": (load.size, load.size)}
        if (good_guests, good_containers) != wanted[load.kind]:
            problem = f"{good_guests} guests and {good_containers} containers are as they should be"
    elif machines:
        problem = f"still there: {[name for _, name, *_ in machines]}"
    if problem:
        raise LabError(problem, next_step="see what it left")
