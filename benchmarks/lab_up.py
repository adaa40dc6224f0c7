"""Measure how long ``lab up`` takes: from nothing, with more and more cached, and with the lab already up.

The lab, its hosts and its image cache are in a temporary folder, used by nothing else. Only the Python
environment and Debian's packages exist before: a new machine needs half a minute for them.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.kept import Kept, KeptRow
from benchmarks.markdown import table
from benchmarks.numbers import number, spread
from benchmarks.part import FOLDER, Options, Simple
from benchmarks.sandbox_lab import write_sandbox_lab
from benchmarks.timeline import Span, figure, spans
from minetlab.images import Progress
from minetlab.util.errors import LabError
from minetlab.util.paths import PROJECT_ROOT, state_dir

LAB = [sys.executable, "-m", "minetlab"]
SANDBOX = [*LAB, "sandbox"]
NOTHING, CACHED = "from nothing", "images and booted states cached, nothing running"
GONE = "unchanged, its hosts gone"
STAGES: dict[str, list[list[str]]] = {
    NOTHING: [],
    CACHED: [["rm"], ["rm", "--checkpoint", "lab-up"]],
    GONE: [["rm"]],
    "unchanged, its hosts suspended": [["stop"]],
    "already up": [],
}
"""The stages to measure, in this order, each with the commands of ``lab sandbox`` to run before."""
PICTURES = {NOTHING: "up-from-nothing.svg", CACHED: "up-cached.svg", GONE: "up-unchanged.svg"}
AIMS = (300, 150, 40, 40, 20)
"""Seconds that each stage should take at most, on two processors without KVM."""
ROUNDS = 3
ROWS = 12
"""How many rows the table of a timeline has."""


def _rows(options: Options, progress: Progress) -> Iterator[KeptRow]:
    rounds = options.rounds or (1 if options.quick else ROUNDS)
    for round_number in range(1, rounds + 1):
        with tempfile.TemporaryDirectory(dir=state_dir(), prefix="up-") as folder:
            for row in _stages(Path(folder)):
                progress(f"{row['stage']}: {row['seconds']:.0f} s")
                yield row | {"round": round_number}


def _stages(folder: Path) -> Iterator[KeptRow]:
    """Bring one lab up in each of the stages, with cache and state in this folder."""
    folders = {"MINETLAB_CACHE": f"{folder}/cache", "MINETLAB_STATE": f"{folder}/state"}
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", **folders}
    inventory = write_sandbox_lab(folder / "inventories")
    try:
        for stage, commands in STAGES.items():
            for words in commands:
                option = ["-i", str(inventory)] if "--checkpoint" in words else []
                subprocess.run([*SANDBOX, *words, *option], env=environment, capture_output=True, check=True)
            seconds, timeline = _up(inventory, environment)
            yield {
                "stage": stage,
                "seconds": round(seconds, 1),
                "spans": [list(vars(span).values()) for span in timeline],
            }
    finally:
        subprocess.run([*SANDBOX, "rm"], env=environment, capture_output=True, check=False)


def _up(inventory: Path, environment: dict[str, str]) -> tuple[float, list[Span]]:
    """Bring the lab up and verify it.

    :param inventory: the inventory of the lab.
    :param environment: the environment of the command.
    :return: the seconds that it took, and its timeline.
    :raises LabError: the lab did not come up; with the end of the output.
    """
    start = time.perf_counter()
    with subprocess.Popen(
        [*LAB, "up", "-i", str(inventory)],
        cwd=PROJECT_ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as run:
        assert run.stdout is not None
        lines = [(time.perf_counter() - start, line.rstrip("\n")) for line in run.stdout]
    seconds = time.perf_counter() - start
    if run.returncode:
        last_lines = "\n".join(line for _, line in lines[-40:])
        raise LabError(f"the lab did not come up:\n{last_lines}", next_step="bring it up by hand: ./lab up")
    return seconds, spans(lines, seconds)


def _text(kept: Kept) -> str:
    aims = dict(zip(STAGES, AIMS, strict=True))
    rows = [
        [stage, spread(kept.series("seconds", stage=stage)), aims[stage]] for stage in kept.values("stage")
    ]
    parts = [
        "## A lab from nothing (`up`)\n",
        "`./lab up`, its verification included, of the lab that ships: a KVM host with two guests and a "
        "container host, in the sandbox. The environment and Debian's packages are there.\n",
        table(["", "seconds", "aim"], rows),
    ]
    for stage, name in PICTURES.items():
        if timeline := _timeline(kept, stage):
            longest = sorted(timeline, key=lambda span: -span.seconds)[:ROWS]
            lines = ((span.row, span.label, number(span.seconds)) for span in longest)
            parts.append(
                f"Where the time goes, {stage} (one run):\n\n![A row for each host]({FOLDER}/{name})\n"
            )
            parts.append(table(["on", "what", "seconds"], lines))
    return "\n".join(parts)


def _figures(kept: Kept) -> dict[str, str]:
    timelines = {name: _timeline(kept, stage) for stage, name in PICTURES.items()}
    return {name: figure(timeline) for name, timeline in timelines.items() if timeline}


def _timeline(kept: Kept, stage: str) -> list[Span]:
    """Return the spans of the first run of a stage."""
    rows = [row for row in kept.rows if row["stage"] == stage]
    return [Span(*values) for values in rows[0]["spans"]] if rows else []


PART = Simple("up", _rows, _text, _figures)
