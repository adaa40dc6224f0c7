"""Run a pyinfra deploy in a process of its own, as a user would."""

import sys
from collections.abc import Mapping
from pathlib import Path

from minetlab.inventory.hosts import STRICT_CHECKING
from minetlab.inventory.load import LoadedLab, load
from minetlab.ssh.ssh_config import write_host_keys
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
    :raises LabError: the inventory or the roster is wrong, or pyinfra could not be started.
    """
    data = {**_host_keys(load(inventory)), **(data or {})}
    # --no-wait: an operation that takes long on one host, such as to boot guests, does not delay the others.
    command = [sys.executable, "-m", "pyinfra", "-y", "--no-wait"]
    for key, value in data.items():
        command += ["--data", f"{key}={value}"]
    if host:
        command += ["--limit", host]
    return run_attached([*command, str(inventory), deploy_file]) == 0


def _host_keys(loaded: LoadedLab) -> dict[str, str]:
    """Return the host data with which pyinfra believes real hosts by their pinned keys only.

    It would believe any host at the first contact. Sandbox hosts have files of their own, which hold.
    """
    if not any(host.is_real for host in loaded.hosts):
        return {}
    return {"ssh_known_hosts_file": str(write_host_keys(loaded)), **STRICT_CHECKING}
