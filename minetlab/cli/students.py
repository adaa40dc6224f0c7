"""Commands for some students' machines, which leave those of all others alone."""

from pathlib import Path

from minetlab.checks import verify
from minetlab.cli import deploy
from minetlab.inventory.load import CHOSEN, load
from minetlab.plan import allocation
from minetlab.ssh.ssh_config import end_shared_connections


def change(inventory_file: Path, what: str, logins: list[str]) -> bool:
    """Run a deploy for these students: ``deploys/<what>.py``; True if no host failed.

    :raises LabError: one of them is not in the roster; nothing has been touched then.
    """
    loaded = load(inventory_file)
    chosen = allocation.of_students(loaded.lab, loaded.plan, logins)
    done = deploy.run(inventory_file, f"deploys/{what}.py", {CHOSEN: ",".join(logins)})
    names = [guest.name for guest in chosen.guests] + [each.name for each in chosen.containers]
    end_shared_connections(loaded.lab.name, names)
    return done


def change_and_verify(inventory_file: Path, what: str, logins: list[str]) -> bool:
    """The same, and then check their machines."""
    return change(inventory_file, what, logins) and verify.run(inventory_file, student=",".join(logins)).green
