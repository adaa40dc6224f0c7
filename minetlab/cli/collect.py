"""``lab collect``: copy students' work to this machine."""

from pathlib import Path

import typer
from rich import filesize

from minetlab.inventory.load import load
from minetlab.machines import reachability
from minetlab.machines.collect import Collected, CollectSettings, collect
from minetlab.plan import allocation
from minetlab.ssh import student_machines
from minetlab.ssh.ssh_config import write_config
from minetlab.util.errors import LabError
from minetlab.util.files import make_folder
from minetlab.util.limits import Limits

STUDENTS_AT_ONCE = 4
"""Students whose work is collected in parallel."""


def collect_work(inventory_file: Path, folder: Path, logins: list[str] | None, limits: Limits) -> bool:
    """Collect students' work, and show the result for each student as soon as it is there.

    :param inventory_file: the inventory of the lab.
    :param folder: the folder to write to; made if it does not exist, and its mode is set to 0700.
    :param logins: the students; None: all students.
    :param limits: the limits for each machine.
    :return: whether the work on all machines was collected.
    :raises LabError: a student is not in the roster, no student has a machine, or an archive cannot be
        written.
    """
    loaded = load(inventory_file)
    lab, plan = loaded.lab, loaded.plan
    chosen = allocation.plan_of_students(lab, plan, logins) if logins else plan
    students = sorted({machine.student.login for machine in chosen.machines})
    if not students:
        raise LabError("there is nothing to collect", next_step="`lab status` lists the lab's machines")
    make_folder(folder, private=True)
    config = write_config(loaded)
    unreachable = reachability.out_of_reach(config, loaded.hosts, chosen.machines)
    settings = CollectSettings(config, unreachable, folder, limits)

    def collect_student(login: str) -> Collected:
        return collect(login, chosen.of_students([login]).machines, settings)

    incomplete = 0
    results = student_machines.in_parallel(collect_student, students, STUDENTS_AT_ONCE)
    for number, result in enumerate(results, start=1):
        incomplete += bool(result.problems)
        archive = f"{result.path}, {filesize.decimal(result.size)}" if result.path else "nothing collected"
        colour = "red" if result.problems else None
        typer.secho(f"[{number}/{len(students)}] {result.login}: {archive}", fg=colour)
        for problem in result.problems:
            typer.echo(f"    {problem}")
    if incomplete:
        typer.echo(f"incomplete for {incomplete} of {len(students)} students; what was collected is kept")
    return not incomplete
