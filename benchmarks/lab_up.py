"""How long ``lab up`` takes: from nothing at all, with ever more there already, and with the lab already up.

The lab, its hosts and the image cache are this benchmark's own, in a folder that is removed in the end.
Only the environment and Debian's packages are there already: a new machine needs half a minute for them.
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
"""What is measured, in this order, and what ``lab sandbox`` is told before that."""
PICTURES = {NOTHING: "up-from-nothing.svg", CACHED: "up-cached.svg", GONE: "up-unchanged.svg"}
AIMS = (300, 150, 40, 40, 20)
"""Seconds that each stage should take at most, on two processors without KVM."""
ROUNDS = 3
ROWS = 12
"""Of a timeline, in its table."""


def _rows(options: Options, progress: Progress) -> Iterator[KeptRow]:
    for round_ in range(1, (options.rounds or (1 if options.quick else ROUNDS)) + 1):
        with tempfile.TemporaryDirectory(dir=state_dir(), prefix="up-") as folder:
            for row in _stages(Path(folder)):
                progress(f"{row['stage']}: {row['seconds']:.0f} s")
                yield row | {"round": round_}


def _stages(folder: Path) -> Iterator[KeptRow]:
    """Bring one lab up in each of the stages, with cache and state in this folder."""
    places = {"MINETLAB_CACHE": f"{folder}/cache", "MINETLAB_STATE": f"{folder}/state"}
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", **places}
    inventory = write_sandbox_lab(folder / "inventories")
    try:
        for stage, commands in STAGES.items():
            for words in commands:
                of_lab = ["-i", str(inventory)] if "--checkpoint" in words else []
                subprocess.run([*SANDBOX, *words, *of_lab], env=environment, capture_output=True, check=True)
            took, found = _up(inventory, environment)
            yield {
                "stage": stage,
                "seconds": round(took, 1),
                "spans": [list(vars(each).values()) for each in found],
            }
    finally:
        subprocess.run([*SANDBOX, "rm"], env=environment, capture_output=True, check=False)


def _up(inventory: Path, environment: dict[str, str]) -> tuple[float, list[Span]]:
    """Bring the lab up and verify it; returns the seconds that took, and where they went.

    :raises LabError: it did not come up; with the end of what it said.
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
    took = time.perf_counter() - start
    if run.returncode:
        said = "\n".join(line for _, line in lines[-40:])
        raise LabError(f"the lab did not come up:\n{said}", next_step="bring it up by hand: ./lab up")
    return took, spans(lines, took)


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
        if found := _spans(kept, stage):
            longest = sorted(found, key=lambda each: -each.seconds)[:ROWS]
            lines = ((each.row, each.label, number(each.seconds)) for each in longest)
            parts.append(
                f"Where the time goes, {stage} (one run):\n\n![A row for each host]({FOLDER}/{name})\n"
            )
            parts.append(table(["on", "what", "seconds"], lines))
    return "\n".join(parts)


def _figures(kept: Kept) -> dict[str, str]:
    found = {name: _spans(kept, stage) for stage, name in PICTURES.items()}
    return {name: figure(each) for name, each in found.items() if each}


def _spans(kept: Kept, stage: str) -> list[Span]:
    """Where the time of the first run went."""
    rows = [row for row in kept.rows if row["stage"] == stage]
    return [Span(*each) for each in rows[0]["spans"]] if rows else []


PART = Simple("up", _rows, _text, _figures)
