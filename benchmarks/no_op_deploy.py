"""What a deploy with nothing to do sends to each host, and how long it takes.

    python benchmarks/no_op_deploy.py -i inventories/lab.py --runs 5

The lab must be up. Run it for rosters of several sizes: the number of commands must not change.
"""

import argparse
import re
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from minetlab import inventory


def deploy(inventory_file: Path) -> tuple[float, Counter[str]]:
    """Deploy once; returns the seconds it took and the commands sent, by host."""
    command = [sys.executable, "-m", "pyinfra", "-y", "--debug", str(inventory_file), "deploys/all.py"]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    took = time.perf_counter() - start
    return took, Counter(re.findall(r"Running command on (\S+):", done.stdout + done.stderr))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-i", "--inventory", type=Path, default=Path("inventories/lab.py"))
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    students = len(inventory.load(inventory.read(arguments.inventory)).students)
    runs = [deploy(arguments.inventory) for _ in range(arguments.runs)]
    times = sorted(took for took, _ in runs)
    print(f"{students} students, {arguments.runs} runs: median {statistics.median(times):.1f} s", end="")
    print(f" ({times[0]:.1f} … {times[-1]:.1f})")
    for host, count in sorted(runs[-1][1].items()):
        print(f"{host}: {count} commands")


if __name__ == "__main__":
    main()
