"""Run a pyinfra deploy in a process of its own, as a user would."""

import sys
from collections.abc import Mapping
from pathlib import Path

from minetlab.util.process import run_attached


def run(
    inventory: Path, deploy_file: str, data: Mapping[str, str] | None = None, host: str | None = None
) -> bool:
    """Run a deploy without asking for confirmation, and show pyinfra's output.

    :param inventory: the inventory's file.
    :param deploy_file: such as ``deploys/all.py``.
    :param data: host data for this run only.
    :param host: the name in the inventory of the only host to deploy to; None: all hosts.
    :return: whether it succeeded on every host.
    :raises LabError: pyinfra could not be started.
    """
    # --no-wait: an operation that takes long on one host, such as to boot guests, does not delay the others.
    command = [sys.executable, "-m", "pyinfra", "-y", "--no-wait"]
    for key, value in (data or {}).items():
        command += ["--data", f"{key}={value}"]
    if host:
        command += ["--limit", host]
    return run_attached([*command, str(inventory), deploy_file]) == 0
