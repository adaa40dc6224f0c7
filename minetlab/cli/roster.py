"""``lab add`` and ``lab remove``: add a student who comes late, and remove one who does not come."""

import sys
from functools import partial
from pathlib import Path

import typer

from minetlab.checks import verify
from minetlab.cli import deploy
from minetlab.cli.options import lab_command
from minetlab.cli.students import change
from minetlab.inventory import allocation_file, roster_file
from minetlab.inventory.load import load
from minetlab.lab import Student, roster_edit
from minetlab.lab.student import SSH_KEY_TYPES
from minetlab.plan import allocate, allocation
from minetlab.plan.placements import without_student
from minetlab.util.errors import LabError

MAX_KEY_LENGTH = 20_000
"""Characters that are read of a public key's file."""


def add(inventory_file: Path, fields: dict[str, str]) -> bool:
    """Write a student into the roster, make their machines, and verify those.

    :param inventory_file: the inventory of the lab.
    :param fields: the student's cells, by the roster's columns; ``ssh_key`` may also name a key's file.
    :return: whether the deploy and the verification succeeded; the student stays in the roster in any case.
    :raises LabError: the roster would be wrong, or the hosts have no room; nothing is written then.
    """
    loaded = load(inventory_file)
    lab, path = loaded.lab, loaded.roster
    if key := fields.get("ssh_key"):
        fields = {**fields, "ssh_key": _public_key(key)}
    added: list[Student] = []

    def add_to(content: bytes) -> bytes:
        new_content, student = roster_edit.add_student(content, str(path), fields)
        allocate(lab.model_copy(update={"students": (*lab.students, student)}))  # raises if there is no room
        added.append(student)
        return new_content

    roster_file.change(path, add_to)
    (student,) = added
    typer.echo(f"{path}: added {student.name} as {student.login}; commit it with {lab.allocation.source}")
    deployed = deploy.run(inventory_file, "deploys/all.py")
    verified = verify.run(inventory_file, student=student.login).green
    if deployed and verified:
        cards = lab_command(inventory_file, "cards", "--student", student.login)
        typer.echo(f"for {student.name} to log in: {cards}")
        return True
    again, undo = lab_command(inventory_file, "up"), lab_command(inventory_file, "remove", student.login)
    typer.echo(f"{student.login} stays in the roster: {again} tries again, {undo} undoes it")
    return False


def remove(inventory_file: Path, login: str, *, yes: bool) -> bool:
    """Remove a student's machines, then their lines in the roster and the allocation file.

    :param inventory_file: the inventory of the lab.
    :param login: the student.
    :param yes: do not ask for confirmation.
    :return: whether everything was removed; otherwise the student stays in the roster.
    :raises LabError: the student is not in the roster, or there is no terminal to ask for confirmation;
        nothing has been touched then.
    """
    loaded = load(inventory_file)
    lab, path = loaded.lab, loaded.roster
    machines = allocation.plan_of_students(lab, loaded.plan, [login]).machines
    roster_edit.remove_student(path.read_bytes(), str(path), login)  # raises before anything is removed
    if not yes:
        names = ", ".join(machine.name for machine in machines) or "no machines"
        typer.echo(f"{login} has {names}. What is in them is lost.")
        typer.echo(f"This saves it first: {lab_command(inventory_file, 'collect', '--student', login)}")
        if not sys.stdin.isatty():
            raise LabError("nothing was removed, as there is nobody to ask", next_step="confirm with -y")
        typer.confirm("Remove them?", abort=True)
    if not change(inventory_file, "remove", [login]):
        again = lab_command(inventory_file, "remove", login)
        typer.echo(f"{login} stays in the roster, as not all of it could be removed: {again} goes on")
        return False
    allocation_file.change(Path(lab.allocation.source), lambda before: without_student(before, lab, login))
    roster_file.change(path, partial(roster_edit.remove_student, source=str(path), login=login))
    typer.echo(f"removed {login} from {path} and {lab.allocation.source}: commit both")
    return True


def _public_key(key: str) -> str:
    """Return the line of a public key.

    :param key: the line itself, or the name of a file that contains it.
    :return: the line.
    :raises LabError: it is neither.
    """
    if key.split(maxsplit=1)[0] in SSH_KEY_TYPES:
        return key
    try:
        with Path(key).open(encoding="utf-8") as file:
            return file.read(MAX_KEY_LENGTH).strip()
    except (OSError, ValueError):
        raise LabError(
            "--ssh-key is neither the line of a public key nor a file that can be read",
            next_step="give the .pub file, or its line in quotes",
        ) from None
