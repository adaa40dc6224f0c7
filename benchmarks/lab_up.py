"""How long ``lab up`` takes: from nothing at all, with images cached, and with the lab already up.

    python benchmarks/lab_up.py --folder /var/tmp

The lab, its hosts and the image cache are this benchmark's own, in a folder that is removed in the end.
Only the environment and Debian's packages are there already: a new machine needs half a minute for them.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LAB = [sys.executable, "-m", "minetlab"]
# Up already, three times: in the first, guests are still busy with the end of their boot.
STAGES = ("from nothing", "images cached", "already up", "already up", "already up")


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


def measure(run: str, inventory: Path, folder: Path) -> None:
    """Bring one lab up in each of the stages, with cache and state in this folder."""
    places = {"MINETLAB_CACHE": f"{folder}/cache", "MINETLAB_STATE": f"{folder}/state"}
    environment = {**os.environ, **places}
    remove_hosts = [*LAB, "sandbox", "rm"]
    try:
        for stage in STAGES:
            if stage == "images cached":
                subprocess.run(remove_hosts, env=environment, capture_output=True, check=True)
            took = up(inventory, environment, folder / "log")
            print(f"{run}, {stage}: {took // 60:.0f} min {took % 60:.0f} s", flush=True)
    finally:
        subprocess.run(remove_hosts, env=environment, capture_output=True, check=False)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-i", "--inventory", type=Path, default=Path("inventories/lab.py"))
    parser.add_argument("--folder", type=Path, help="Where there are 10 GiB of room, instead of /tmp.")
    parser.add_argument("--runs", type=int, default=1)
    arguments = parser.parse_args()
    for run in range(arguments.runs):
        with tempfile.TemporaryDirectory(dir=arguments.folder, prefix="lab-") as folder:
            measure(f"run {run + 1}", arguments.inventory, Path(folder))


if __name__ == "__main__":
    main()
