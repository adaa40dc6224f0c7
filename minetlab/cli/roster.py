"""``lab add`` and ``lab remove``: a late arrival, and somebody who does not come."""

import sys
from functools import partial
from pathlib import Path

import typer

from minetlab.checks import verify
from minetlab.cli import deploy
from minetlab.cli.options import typed
from minetlab.cli.students import change
from minetlab.inventory import allocation_file, roster_file
from minetlab.inventory.load import load
from minetlab.lab import Student, roster_edit
from minetlab.lab.student import SSH_KEY_TYPES
from minetlab.plan import allocate, allocation
from minetlab.plan.placements import without_student
from minetlab.util.errors import LabError

LONGEST_KEY = 20_000


def add(inventory_file: Path, fields: dict[str, str]) -> bool:
    """Write a student into the roster, make their machines, and verify those; True if all of it succeeded.

    :param fields: of the roster's columns; a key may be its file's name instead.
    :raises LabError: the roster would be wrong, or the hosts have no room; nothing is written then.
    """
    loaded = load(inventory_file)
    lab, path = loaded.lab, loaded.roster
    if key := fields.get("ssh_key"):
        fields = {**fields, "ssh_key": _key(key)}
    added: list[Student] = []

    def changed(before: bytes) -> bytes:
        after, student = roster_edit.added(before, str(path), fields)
        allocate(lab.model_copy(update={"students": (*lab.students, student)}))
        added.append(student)
        return after

    roster_file.change(path, changed)
    (student,) = added
    typer.echo(f"{path}: {student.name} is in, as {student.login}; commit it with {lab.allocation.source}")
    green = deploy.run(inventory_file, "deploys/all.py")
    green = verify.run(inventory_file, student=student.login).green and green
    if green:
        cards = typed(inventory_file, "cards", "--student", student.login)
        typer.echo(f"for {student.name} to log in: {cards}")
    else:
        again, undo = typed(inventory_file, "up"), typed(inventory_file, "remove", student.login)
        typer.echo(f"{student.login} stays in the roster: {again} tries again, {undo} undoes it")
    return green


def remove(inventory_file: Path, login: str, *, yes: bool) -> bool:
    """Take a student's machines down, then their lines out of the roster and the allocation file.

    :param yes: do not ask.
    :raises LabError: they are not in the roster, or it is not allowed: nothing has been touched then.
    """
    loaded = load(inventory_file)
    lab, path = loaded.lab, loaded.roster
    theirs = allocation.of_students(lab, loaded.plan, [login]).machines
    roster_edit.removed(path.read_bytes(), str(path), login)
    machines = ", ".join(each.name for each in theirs) or "no machines"
    if not yes:
        typer.echo(f"{login} has {machines}. What is in them is lost.")
        typer.echo(f"This saves it first: {typed(inventory_file, 'collect', '--student', login)}")
        _ask("Remove them?")
    if not change(inventory_file, "remove", [login]):
        again = typed(inventory_file, "remove", login)
        typer.echo(f"{login} stays in the roster, as not all of it could be removed: {again} goes on")
        return False
    allocation_file.change(Path(lab.allocation.source), lambda there: without_student(there, lab, login))
    roster_file.change(path, partial(roster_edit.removed, source=str(path), login=login))
    typer.echo(f"{login} is out of {path} and {lab.allocation.source}: commit both")
    return True


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        raise LabError("nothing was removed, as there is nobody to ask", next_step="say so with -y")
    typer.confirm(question, abort=True)


def _key(given: str) -> str:
    """The public key in a file, or the line itself.

    :raises LabError: it is neither.
    """
    if given.split(maxsplit=1)[0] in SSH_KEY_TYPES:
        return given
    try:
        with Path(given).open(encoding="utf-8") as file:
            return file.read(LONGEST_KEY).strip()
    except (OSError, ValueError):
        raise LabError(
            "--ssh-key is neither the line of a public key nor a file that can be read",
            next_step="give the .pub file, or its line in quotes",
        ) from None
