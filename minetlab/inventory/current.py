"""What a deploy works on: the lab, its plan, and the part of it that ``--data students=`` chooses."""

from collections.abc import Iterable
from functools import cache

from pyinfra import context
from pyinfra.api.exceptions import InventoryError

from minetlab.inventory.hosts import STRICT_CHECKING, InventoryHost
from minetlab.inventory.load import CHOSEN_STUDENTS, load_lab
from minetlab.lab import Lab
from minetlab.plan import Plan, allocate
from minetlab.plan.allocation import plan_of_students
from minetlab.util.errors import LabError
from minetlab.util.names import named


@cache
def lab_and_plan() -> tuple[Lab, Plan]:
    """Load the lab and the plan of the running pyinfra deploy.

    :return: both; they are loaded once for all hosts.
    :raises InventoryError: the inventory or the roster is wrong. pyinfra shows this error without a traceback
        and ends the run before anything is touched.
    """
    hosts = [
        InventoryHost(host.name, tuple(host.groups), host.data.dict())  # type: ignore[no-untyped-call]
        for host in context.inventory
    ]
    try:
        _refuse_first_contacts(hosts)
        lab = load_lab(hosts)
        return lab, allocate(lab)
    except LabError as error:
        raise InventoryError(str(error)) from error


def _refuse_first_contacts(hosts: Iterable[InventoryHost]) -> None:
    """Refuse an inventory with which pyinfra, run by itself, believes hosts that it has never seen."""
    ((setting, strict),) = STRICT_CHECKING.items()
    lenient = [host.name for host in hosts if host.is_real and host.data.get(setting) != strict]
    if lenient:
        raise LabError(
            f"{named(lenient)}: pyinfra would believe whatever key these hosts show at the first contact",
            next_step=f'set {setting} = "{strict}" in group_data/all.py, and pin the keys: ./lab check --pin',
        )


def chosen_plan() -> Plan:
    """Return the plan of the students named by ``--data students=alice,bob``.

    :return: the part of the running deploy's plan for these students.
    :raises InventoryError: no student is named, or one who is not in the roster.
    """
    lab, plan = lab_and_plan()
    try:
        return plan_of_students(lab, plan, _chosen_logins())
    except LabError as error:
        raise InventoryError(str(error)) from error


def lab_and_plan_of_others() -> tuple[Lab, Plan]:
    """Return the lab and the plan without the students of ``--data students=alice,bob``."""
    lab, plan = lab_and_plan()
    chosen = _chosen_logins()
    others = tuple(student for student in lab.students if student.login not in chosen)
    plan_of_others = plan.of_students({student.login for student in others})
    return lab.model_copy(update={"students": others}), plan_of_others


def _chosen_logins() -> set[str]:
    first_host = next(iter(context.inventory))  # --data is the same for all hosts
    logins = str(first_host.data.get(CHOSEN_STUDENTS) or "")
    return {login.strip() for login in logins.split(",")} - {""}
