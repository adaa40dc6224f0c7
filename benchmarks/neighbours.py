"""Measure what a student's neighbours notice while the student does their worst to the host they share.

It runs on a sandbox host with the containers and guests of two students. One of them attacks; the other one,
and an administrator, do what they do every day. Quiet and attacked, they take turns. A host of native speed
would not do: whether it bounds anything depends on the control groups of this machine.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from socket import create_connection

from benchmarks.attacks import EAT, FILL, FORK, HOG, INOTIFY, NAMES, PRINT, SIGNALS, UNKNOWN, perl
from benchmarks.kept import Kept, KeptRow
from benchmarks.markdown import table
from benchmarks.numbers import spread
from benchmarks.part import Options, Simple
from benchmarks.sandbox_lab import write_sandbox_lab
from benchmarks.usage import used
from minetlab.images import Progress
from minetlab.util.errors import LabError
from minetlab.util.paths import state_dir

LAB = [sys.executable, "-m", "minetlab"]
HOST_ALIAS = "shared"
# An emulated host has one processor: guests of one with two hang at times.
HOST = {"sandbox_memory": 6144}
AIM, MOST_SECONDS, STATUS_AIM = 3.0, 2.0, 2.0
"""How many times its quiet time a neighbour's command may take, how long, and how many times `lab status`."""
ROUNDS, REPETITIONS = 3, 7
QUIET = "nothing"
ATTACKER, NEIGHBOUR = "minet-alice", "minet-bob"
SECONDS = 600
"""How long an attack goes on at most."""
CONTAINER = "-processus"
"""What the name of a student's container has, and that of their guest has not."""
IN_CONTAINER: Mapping[str, str] = {
    "eight processes that compute, in a container": perl(HOG, SECONDS),
    "as many processes as there may be": f"while :; do {perl(FORK)}; done",
    "a full home folder, written again and again": f"while :; do {FILL}; done",
    "inotify instances and pending signals": f"{perl(INOTIFY, SECONDS)} & {perl(SIGNALS, SECONDS)}",
    "memory until it is killed, again and again": f"while :; do {perl(EAT)}; done",
    "names that dockerd looks up": perl(NAMES, SECONDS),
    "lines that dockerd writes to a log": PRINT,
    "files of no known format, run again and again": perl(UNKNOWN, SECONDS),
}
IN_GUEST: Mapping[str, str] = {
    "eight processes that compute, in a guest": perl(HOG, SECONDS),
    "a guest's disk, written again and again": "while :; do dd if=/dev/zero of=full bs=1M count=500; done",
}
CONNECTIONS = "200 connections to the host's sshd that do not log in"
LIST = "ls -l /usr/bin"
NOTICED: Mapping[str, tuple[str, str]] = {
    "`ssh … true`, container": (CONTAINER, "true"),
    "`ls`, container": (CONTAINER, LIST),
    "`ssh … true`, guest": ("", "true"),
    "`ls`, guest": ("", LIST),
}
STATUS = "`lab status`"


class _Lab:
    """The lab of two students on one sandbox host."""

    def __init__(self, folder: Path) -> None:
        self.inventory = write_sandbox_lab(folder / "inventories")
        hosts = [(f"@sandbox/{HOST_ALIAS}", HOST)]
        self.inventory.write_text(f"kvm_hosts = {hosts!r}\ncontainer_hosts = {hosts!r}\n")
        self.state = folder / "state"

    def run(self, *words: str) -> float:
        """Run a command of the lab, and return the seconds that it takes."""
        return used([*LAB, *words], {"MINETLAB_STATE": str(self.state)})[0].seconds

    def status(self) -> float:
        """Return the seconds that ``lab status`` takes."""
        return self.run("status", "-i", str(self.inventory))

    def ssh(self, machine: str, *words: str) -> list[str]:
        """Return the command that runs one on a machine, over a connection of its own."""
        config = self.state / "labs" / "minet" / "ssh_config"
        return ["ssh", "-S", "none", "-F", str(config), machine, *words]

    def seconds(self, suffix: str, command: str) -> float:
        """Return the seconds that the neighbour's command takes, with its login."""
        start = time.perf_counter()
        subprocess.run(
            self.ssh(f"{NEIGHBOUR}{suffix}", command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=True,
            timeout=600,
        )
        return time.perf_counter() - start

    @contextmanager
    def attacked(self, suffix: str, command: str) -> Iterator[None]:
        """Have the attacker's machine run a command for the time of a block."""
        argv = self.ssh(f"{ATTACKER}{suffix}", command)
        with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as attack:
            time.sleep(10)  # until it has taken all that it gets
            yield
            if attack.poll() is not None:
                raise LabError(f"the attack has ended by itself: {command}", next_step="run it by hand")
            attack.terminate()
        machine = f"{ATTACKER}{suffix}"
        if suffix == CONTAINER:
            # It may have no process left for a login.
            stop = self.ssh(HOST_ALIAS, f"docker restart --time 0 {machine}")
        else:
            stop = self.ssh(machine, "pkill -KILL -f '[w]hile :'; pkill -KILL -x 'perl|dd'; rm -f full")
        subprocess.run(stop, stdout=subprocess.DEVNULL, check=True, timeout=600)
        self.wait_for(machine)

    def wait_for(self, machine: str) -> None:
        """Wait until a machine can be logged into."""
        deadline = time.monotonic() + 600
        while subprocess.run(self.ssh(machine, "true"), stderr=subprocess.DEVNULL, check=False).returncode:
            if time.monotonic() > deadline:
                raise LabError(f"{machine} does not answer after its attack", next_step="run this again")
            time.sleep(1)

    @contextmanager
    def beset(self) -> Iterator[None]:
        """Hold connections to the host's sshd for the time of a block."""
        shown = subprocess.run(
            [*self.ssh(HOST_ALIAS), "-G"], capture_output=True, text=True, check=True
        ).stdout
        port = int(dict(line.split(maxsplit=1) for line in shown.splitlines())["port"])
        with ExitStack() as held:
            for _ in range(200):
                held.enter_context(create_connection(("127.0.0.1", port), timeout=60))
            yield


def _rows(options: Options, progress: Progress) -> Iterator[KeptRow]:
    rounds, repetitions = (1, 2) if options.quick else (options.rounds or ROUNDS, REPETITIONS)
    with tempfile.TemporaryDirectory(dir=state_dir(), prefix="neighbours-") as folder:
        lab = _Lab(Path(folder))
        try:
            progress("a lab of two students comes up on one host")
            lab.run("up", "-i", str(lab.inventory))
            for _ in range(rounds):
                yield from _round(lab, repetitions, progress)
        finally:
            lab.run("sandbox", "rm")


def _round(lab: _Lab, repetitions: int, progress: Progress) -> Iterator[KeptRow]:
    yield from _reported(lab, QUIET, repetitions, progress)
    for suffix, attacks in ((CONTAINER, IN_CONTAINER), ("", IN_GUEST)):
        for attack, command in attacks.items():
            with lab.attacked(suffix, command):
                yield from _reported(lab, attack, repetitions, progress)
    with lab.beset():
        yield from _reported(lab, CONNECTIONS, repetitions, progress)


def _reported(lab: _Lab, attack: str, repetitions: int, progress: Progress) -> Iterator[KeptRow]:
    for _ in range(repetitions):
        for noticed, (suffix, command) in NOTICED.items():
            yield {"attack": attack, "noticed": noticed, "seconds": round(lab.seconds(suffix, command), 3)}
        yield {"attack": attack, "noticed": STATUS, "seconds": round(lab.status(), 3)}
    progress(f"measured: {attack}")


def _text(kept: Kept) -> str:
    attacks = [attack for attack in kept.values("attack") if attack != QUIET]
    noticed = kept.values("noticed")
    quiet = {name: spread(kept.series("seconds", attack=QUIET, noticed=name)) for name in noticed}
    rows = [["quiet, in seconds", *(quiet[name] for name in noticed)]]
    for attack in attacks:
        cells = []
        for name in noticed:
            seconds, own = spread(kept.series("seconds", attack=attack, noticed=name)), quiet[name]
            cells.append(
                f"{seconds.median / own.median:.2f} ({seconds.median:.2f} s)" if seconds and own else ""
            )
        rows.append([attack, *cells])
    return "\n".join(
        [
            "## What neighbours notice (`neighbours`)\n",
            "Two students share a sandbox host, which has one processor. One does what the first column "
            "says; the others say how many times their quiet time a command of the other student, and one "
            f"of an administrator, take, in the median. The aim: {AIM:g} times and {MOST_SECONDS:g} s at "
            f"most for the student, {STATUS_AIM:g} times for the administrator. Emulated, a login takes "
            "about as long as that with nobody beside it. [What is promised](security.md).\n",
            table(["", *noticed], rows),
        ]
    )


PART = Simple("neighbours", _rows, _text)
