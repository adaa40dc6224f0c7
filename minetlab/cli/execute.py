"""``lab exec``: one command on many students' machines."""

from pathlib import Path

import typer

from minetlab.inventory.load import load
from minetlab.machines import reachability
from minetlab.plan import Plan, allocation
from minetlab.ssh import student_machines
from minetlab.ssh.ssh_config import write_config
from minetlab.ssh.student_machines import Answer, StudentMachine
from minetlab.util.errors import LabError
from minetlab.util.names import named, suggestion


def run_command(
    inventory_file: Path,
    command: str,
    logins: list[str] | None,
    *,
    everybody: bool,
    tp: str | None,
    root: bool,
    limit: float,
) -> bool:
    """Run it, and show what each machine printed as soon as that is done; True if all succeeded.

    :param command: of the student's shell.
    :param logins: whose machines; None: see ``everybody``.
    :param everybody: on the machines of all students.
    :param tp: in the containers of this TP image; None: in the guests.
    :param root: as root, in guests; else as the student.
    :param limit: seconds for each machine.
    :raises LabError: nobody is named, or one who is not in the roster, or there is no such machine.
    """
    if everybody == bool(logins):
        raise LabError("no target is given", next_step="use --student LOGIN or --all, not both")
    if root and tp:
        raise LabError("a container has no way to become root", next_step="leave out --root")
    loaded = load(inventory_file)
    lab, plan = loaded.lab, loaded.plan
    machines = _machines(plan if everybody else allocation.of_students(lab, plan, logins or []), plan, tp)
    config = write_config(loaded)
    out_of_reach = reachability.out_of_reach(config, loaded.hosts, machines)
    not_asked: dict[str, list[str]] = {}
    for name, problem in sorted(out_of_reach.items()):
        not_asked.setdefault(problem, []).append(name)
    for problem, names in sorted(not_asked.items()):
        typer.secho(f"not asked: {named(names)}: {problem}", fg="red")

    def ask(machine: StudentMachine) -> Answer:
        return student_machines.run(
            config, machine, student_machines.line_of(machine, command, limit, root=root), limit
        )

    failed = len(out_of_reach)
    for answer in student_machines.at_once(ask, [each for each in machines if each.name not in out_of_reach]):
        failed += bool(answer.problem)
        _show(answer)
    if failed:
        succeeded = len(machines) - failed
        typer.echo(
            f"succeeded on {succeeded} of {len(machines)} machines; `lab status` shows which are running"
        )
    return not failed


def _machines(chosen: Plan, plan: Plan, tp: str | None) -> tuple[StudentMachine, ...]:
    """Those of the students that are chosen."""
    if tp is None:
        machines: tuple[StudentMachine, ...] = chosen.guests
    else:
        images = {each.tp_image for each in plan.containers}
        if tp not in images:
            raise LabError(f"there are no containers of a TP {tp!r}", next_step=suggestion([tp], images))
        machines = tuple(each for each in chosen.containers if each.tp_image == tp)
    if not machines:
        raise LabError(
            "these students have no guest" if tp is None else f"these students have no container of {tp}",
            next_step="`lab status` lists what they have",
        )
    return machines


def _show(answer: Answer) -> None:
    student = answer.machine.student
    head = f"{student.login} ({answer.machine.name})"
    if answer.problem:
        typer.secho(f"{head}: {answer.problem}", fg="red")
    else:
        typer.secho(head, bold=True)
    for line in answer.output.splitlines():
        typer.echo(f"    {line}")
