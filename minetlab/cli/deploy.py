"""Run pyinfra, in a process of its own, as a user would."""

import subprocess
import sys
from pathlib import Path


def run(inventory: Path, deploy_file: str) -> bool:
    """Deploy without asking, pyinfra's output going where ours goes; True if no host failed."""
    command = [sys.executable, "-m", "pyinfra", "-y", str(inventory), deploy_file]
    process = subprocess.Popen(command)
    try:
        return process.wait() == 0
    except KeyboardInterrupt:
        process.wait()  # the terminal interrupted pyinfra too: let it finish cleaning up
        raise
