"""``lab collect``: students' work, an archive each."""

from pathlib import Path

import typer
from rich import filesize

from minetlab.inventory.load import load
from minetlab.machines import reachability
from minetlab.machines.collect import Collected, Errand, collect
from minetlab.plan import allocation
from minetlab.ssh import student_machines
from minetlab.ssh.ssh_config import write_config
from minetlab.util.errors import LabError
from minetlab.util.files import make_folder
from minetlab.util.limits import Limits

STUDENTS_AT_ONCE = 4


def collect_work(inventory_file: Path, folder: Path, logins: list[str] | None, limits: Limits) -> bool:
    """Collect, and show what came of each student as soon as it is there; True if all of it came.

    :param folder: where to; made if it is not there, mode 0700.
    :param logins: whose; None: everybody's.
    :raises LabError: one of them is not in the roster, or nobody has a machine.
    """
    loaded = load(inventory_file)
    lab, plan = loaded.lab, loaded.plan
    chosen = allocation.of_students(lab, plan, logins) if logins else plan
    students = sorted({machine.student.login for machine in chosen.machines})
    if not students:
        raise LabError("there is nothing to collect", next_step="`lab status` lists the lab's machines")
    make_folder(folder, private=True)
    config = write_config(loaded)
    unreachable = reachability.out_of_reach(config, loaded.hosts, chosen.machines)
    errand = Errand(config, unreachable, folder, limits)

    def of_student(login: str) -> Collected:
        return collect(login, chosen.of([login]).machines, errand)

    lacking = 0
    for number, came in enumerate(student_machines.at_once(of_student, students, STUDENTS_AT_ONCE), start=1):
        lacking += bool(came.problems)
        said = f"{came.path}, {filesize.decimal(came.size)}" if came.path else "nothing came"
        typer.secho(f"[{number}/{len(students)}] {came.login}: {said}", fg="red" if came.problems else None)
        for problem in came.problems:
            typer.echo(f"    {problem}")
    if lacking:
        typer.echo(f"not all came of {lacking} of {len(students)} students; what did come stays")
    return not lacking
