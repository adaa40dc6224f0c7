"""How long ``lab up`` takes: from nothing at all, with ever more there already, and with the lab already up.

    python benchmarks/lab_up.py --folder /var/tmp

The lab, its hosts and the image cache are this benchmark's own, in a folder that is removed in the end.
Only the environment and Debian's packages are there already: a new machine needs half a minute for them.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

LAB = [sys.executable, "-m", "minetlab"]
SANDBOX = [*LAB, "sandbox"]
STAGES: dict[str, list[list[str]]] = {
    "from nothing": [],
    "images and booted states cached, nothing running": [["rm"], ["rm", "--checkpoint", "lab-up"]],
    "unchanged, its hosts gone": [["rm"]],
    "unchanged, its hosts suspended": [["stop"]],
    "already up": [],
}
"""What is measured, in this order, and what ``lab sandbox`` is told before that."""


def up(inventory: Path, environment: dict[str, str], log: Path) -> float:
    """Bring the lab up and verify it; returns the seconds that took.

    :param log: gets what it says.
    """
    start = time.perf_counter()
    with log.open("w") as said:
        command = [*LAB, "up", "-i", str(inventory)]
        done = subprocess.run(command, env=environment, stdout=said, stderr=subprocess.STDOUT, check=False)
    took = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"the lab did not come up, see the end of what it said:\n{log.read_text()[-3000:]}")
    return took


def measure(inventory: Path, folder: Path) -> Iterator[tuple[str, float]]:
    """Bring one lab up in each of the stages, with cache and state in this folder; stages and seconds."""
    places = {"MINETLAB_CACHE": f"{folder}/cache", "MINETLAB_STATE": f"{folder}/state"}
    environment = {**os.environ, **places}
    try:
        for stage, commands in STAGES.items():
            for words in commands:
                of_lab = ["-i", str(inventory)] if "--checkpoint" in words else []
                subprocess.run([*SANDBOX, *words, *of_lab], env=environment, capture_output=True, check=True)
            yield stage, up(inventory, environment, folder / "log")
    finally:
        subprocess.run([*SANDBOX, "rm"], env=environment, capture_output=True, check=False)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-i", "--inventory", type=Path, default=Path("inventories/lab.py"))
    parser.add_argument("--folder", type=Path, help="Where there are 10 GiB of room, instead of /tmp.")
    parser.add_argument("--runs", type=int, default=1)
    arguments = parser.parse_args()
    found: dict[str, list[float]] = defaultdict(list)
    for _ in range(arguments.runs):
        with tempfile.TemporaryDirectory(dir=arguments.folder, prefix="lab-") as folder:
            for stage, took in measure(arguments.inventory, Path(folder)):
                print(f"{stage}: {took:.0f} s", flush=True)
                found[stage].append(took)
    for stage, times in found.items():
        print(f"{stage}: median {statistics.median(times):.0f} s ({min(times):.0f} … {max(times):.0f})")


if __name__ == "__main__":
    main()
