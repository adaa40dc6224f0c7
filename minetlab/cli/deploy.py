"""Run pyinfra, in a process of its own, as a user would."""

import sys
from collections.abc import Mapping
from pathlib import Path

from minetlab.util.process import run_attached


def run(
    inventory: Path, deploy_file: str, data: Mapping[str, str] | None = None, host: str | None = None
) -> bool:
    """Deploy without asking, pyinfra's output going where ours goes; True if no host failed.

    :param data: host data of this run only.
    :param host: the only one to deploy to, as the inventory calls it; None: all.
    """
    given = [word for key, value in (data or {}).items() for word in ("--data", f"{key}={value}")]
    only = ["--limit", host] if host else []
    # --no-wait: what takes long on one host, as guests that boot do, does not hold up the others.
    command = [sys.executable, "-m", "pyinfra", "-y", "--no-wait", *given, *only, str(inventory), deploy_file]
    return run_attached(command) == 0
