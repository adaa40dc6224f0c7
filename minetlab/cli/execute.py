"""``lab exec``: run one command on many students' machines."""

from collections import defaultdict
from collections.abc import Mapping
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
    """Run a command on students' machines, and show each machine's output as soon as it is there.

    :param inventory_file: the inventory of the lab.
    :param command: a command for the student's shell.
    :param logins: the students; None: see ``everybody``.
    :param everybody: run it on the machines of all students.
    :param tp: run it in the containers of this TP image; None: in the guests.
    :param root: run it as root, which is possible in guests only; otherwise as the student.
    :param limit: seconds that it may take on each machine.
    :return: whether it succeeded on every machine.
    :raises LabError: no student is named, a student is not in the roster, there is no such machine, or
        ``root`` is given for containers.
    """
    if everybody == bool(logins):
        raise LabError("no target is given", next_step="use --student LOGIN or --all, not both")
    if root and tp:
        raise LabError("a container has no way to become root", next_step="leave out --root")
    loaded = load(inventory_file)
    lab, plan = loaded.lab, loaded.plan
    chosen = plan if everybody else allocation.plan_of_students(lab, plan, logins or [])
    machines = _machines(chosen, plan, tp)
    config = write_config(loaded)
    out_of_reach = reachability.out_of_reach(config, loaded.hosts, machines)
    _show_not_asked(out_of_reach)

    def run_on(machine: StudentMachine) -> Answer:
        line = student_machines.command_line(machine, command, limit, root=root)
        return student_machines.run(config, machine, line, limit)

    failed = len(out_of_reach)
    reachable = [machine for machine in machines if machine.name not in out_of_reach]
    for answer in student_machines.in_parallel(run_on, reachable):
        failed += bool(answer.problem)
        _show(answer)
    if failed:
        succeeded = len(machines) - failed
        typer.echo(
            f"succeeded on {succeeded} of {len(machines)} machines; `lab status` shows which are running"
        )
    return not failed


def _machines(chosen: Plan, plan: Plan, tp: str | None) -> tuple[StudentMachine, ...]:
    """Return the guests of the chosen students, or their containers of a TP image.

    :param chosen: the plan of the chosen students.
    :param plan: the plan of all students.
    :param tp: the name of a TP image; None: the guests.
    :return: at least one machine.
    :raises LabError: nobody has a container of this TP image, or these students have no such machine.
    """
    if tp is None:
        machines: tuple[StudentMachine, ...] = chosen.guests
    else:
        images = {container.tp_image for container in plan.containers}
        if tp not in images:
            raise LabError(f"there are no containers of a TP {tp!r}", next_step=suggestion([tp], images))
        machines = tuple(container for container in chosen.containers if container.tp_image == tp)
    if not machines:
        raise LabError(
            "these students have no guest" if tp is None else f"these students have no container of {tp}",
            next_step="`lab status` lists what they have",
        )
    return machines


def _show_not_asked(problems: Mapping[str, str]) -> None:
    """Show why machines are not asked, with a line for all machines that have the same problem."""
    machines_with: defaultdict[str, list[str]] = defaultdict(list)
    for machine, problem in sorted(problems.items()):
        machines_with[problem].append(machine)
    for problem, machines in sorted(machines_with.items()):
        typer.secho(f"not asked: {named(machines)}: {problem}", fg="red")


def _show(answer: Answer) -> None:
    student = answer.machine.student
    title = f"{student.login} ({answer.machine.name})"
    if answer.problem:
        typer.secho(f"{title}: {answer.problem}", fg="red")
    else:
        typer.secho(title, bold=True)
    for line in answer.output.splitlines():
        typer.echo(f"    {line}")
