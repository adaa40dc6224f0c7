"""The lab and plan of the running pyinfra deploy, and of the students whom ``--data students=`` names."""

from functools import cache

from pyinfra import context
from pyinfra.api.exceptions import InventoryError

from minetlab.inventory.hosts import InventoryHost
from minetlab.inventory.load import CHOSEN, load_lab
from minetlab.lab import Lab
from minetlab.plan import Plan, allocate
from minetlab.plan.allocation import of_students
from minetlab.util.errors import LabError


@cache
def lab_and_plan() -> tuple[Lab, Plan]:
    """The lab and plan of the running pyinfra deploy.

    :raises InventoryError: pyinfra shows it without a traceback and ends the run before anything is touched.
    """
    hosts = [
        InventoryHost(host.name, tuple(host.groups), host.data.dict())  # type: ignore[no-untyped-call]
        for host in context.inventory
    ]
    try:
        lab = load_lab(hosts)
        return lab, allocate(lab)
    except LabError as error:
        raise InventoryError(str(error)) from error


def chosen_plan() -> Plan:
    """The plan of the running deploy, of the students only whom ``--data students=alice,bob`` names.

    :raises InventoryError: nobody is named, or somebody who is not in the roster.
    """
    lab, plan = lab_and_plan()
    try:
        return of_students(lab, plan, _chosen_logins())
    except LabError as error:
        raise InventoryError(str(error)) from error


def others() -> tuple[Lab, Plan]:
    """The lab and plan of the running deploy, of all students but those."""
    lab, plan = lab_and_plan()
    gone = _chosen_logins()
    students = tuple(student for student in lab.students if student.login not in gone)
    return lab.model_copy(update={"students": students}), plan.of({each.login for each in students})


def _chosen_logins() -> set[str]:
    given = str(next(iter(context.inventory)).data.get(CHOSEN) or "")
    return {login.strip() for login in given.split(",")} - {""}
