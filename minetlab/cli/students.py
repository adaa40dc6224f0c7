"""Run deploys for some students; the machines of all others are not touched."""

from pathlib import Path
from typing import Literal

from minetlab.checks import verify
from minetlab.cli import deploy
from minetlab.inventory.load import CHOSEN_STUDENTS, load
from minetlab.plan import allocation
from minetlab.ssh.ssh_config import end_shared_connections

DeployName = Literal["remove", "reset", "revert", "snapshot"]
"""A deploy that changes the machines of chosen students: a file in ``deploys/``, without ``.py``."""


def change(inventory_file: Path, deploy_name: DeployName, logins: list[str]) -> bool:
    """Run a deploy for some students.

    :param inventory_file: the inventory of the lab.
    :param deploy_name: what is done.
    :param logins: the students.
    :return: whether it succeeded on every host.
    :raises LabError: a student is not in the roster; nothing has been touched then.
    """
    loaded = load(inventory_file)
    chosen = allocation.plan_of_students(loaded.lab, loaded.plan, logins)
    succeeded = deploy.run(inventory_file, f"deploys/{deploy_name}.py", {CHOSEN_STUDENTS: ",".join(logins)})
    end_shared_connections(loaded.lab.name, [machine.name for machine in chosen.machines])
    return succeeded


def change_and_verify(inventory_file: Path, deploy_name: DeployName, logins: list[str]) -> bool:
    """Run a deploy for some students, then verify their machines; return whether both succeeded."""
    if not change(inventory_file, deploy_name, logins):
        return False
    return verify.run(inventory_file, student=",".join(logins)).green
