"""Find the machine that an administrator means by a machine's name or a student's login. No I/O."""

from collections.abc import Collection

from minetlab.plan.allocation import Guest, Plan
from minetlab.util.errors import LabError
from minetlab.util.names import FEW, suggestion


def alias_meant(word: str, plan: Plan, hosts: Collection[str]) -> str:
    """Find the alias of the machine that a word means.

    A student's login means their guest, or their first container if they have no guest. A word that is both
    a machine's name and a login means the machine.

    :param word: the name of a machine, or the login of a student.
    :param plan: the plan of the lab.
    :param hosts: the aliases of the lab's hosts.
    :return: the alias in the lab's SSH configuration.
    :raises LabError: there is no such machine or student, or the student has no machine.
    """
    names = {*hosts, *(machine.name for machine in plan.machines)}
    if word in names:
        return word
    # A plan lists all guests before all containers.
    names_of_student = [machine.name for machine in plan.machines if machine.student.login == word]
    if not names_of_student:
        choices = {*hosts, *(machine.student.login for machine in plan.machines)}
        raise LabError(
            f"there is no machine or student {word!r} in the lab",
            next_step=suggestion([word], choices if len(choices) <= FEW else choices | names),
        )
    return names_of_student[0]


def guest_meant(word: str, plan: Plan) -> Guest:
    """Find the guest that a word means.

    :param word: the name of a guest, or the login of its student.
    :param plan: the plan of the lab.
    :return: the guest.
    :raises LabError: there is no such guest.
    """
    guests = [guest for guest in plan.guests if word in {guest.name, guest.student.login}]
    if not guests:
        raise LabError(
            f"there is no guest of {word!r} in the lab",
            next_step=suggestion([word], {guest.student.login for guest in plan.guests}),
        )
    return guests[0]
