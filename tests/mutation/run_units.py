"""Run the fast tests of the tree in which one module was changed: those nearest to it first.

Exits with a status other than 0 as soon as a test fails.
"""

import subprocess
import sys
from pathlib import Path

PYTEST = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "--no-header", "--tb=line"]


def main() -> int:
    """Run them; the exit status is that of the first pytest that fails."""
    diff = ["git", "diff", "--name-only", "--", "minetlab"]
    changed = subprocess.run(diff, capture_output=True, text=True, check=True).stdout.split()
    nearest: list[Path] = []
    for module in map(Path, changed):
        tests = Path("tests/unit", module.parent.name)
        nearest += [tests / f"test_{module.name}", tests]
    everything = ["tests/unit", "minetlab", "--doctest-modules"]
    for chosen in [*([str(path)] for path in nearest if path.exists()), everything]:
        status = subprocess.run([*PYTEST, *chosen], check=False).returncode
        if status:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
