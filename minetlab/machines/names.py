"""What an administrator means by a word: a machine's name or a student's login. No I/O."""

from collections.abc import Collection

from minetlab.plan.allocation import Guest, Plan
from minetlab.util.errors import LabError
from minetlab.util.names import FEW, suggestion


def alias_meant(word: str, plan: Plan, hosts: Collection[str]) -> str:
    """The name of a machine, or a student's guest; where they have none, their first container.

    :param word: a machine's name, or else a login.
    :param hosts: the aliases of the lab's hosts.
    :raises LabError: it is neither.
    """
    names = {*hosts, *(each.name for each in plan.machines)}
    if word in names:
        return word
    theirs = [each.name for each in plan.machines if each.student.login == word]
    if not theirs:
        known = {*hosts, *(each.student.login for each in plan.machines)}
        raise LabError(
            f"there is no machine or student {word!r} in the lab",
            next_step=suggestion([word], known if len(known) <= FEW else known | names),
        )
    return theirs[0]


def guest_meant(word: str, plan: Plan) -> Guest:
    """The guest of that name, or of that student.

    :raises LabError: it is neither.
    """
    meant = [each for each in plan.guests if word in {each.name, each.student.login}]
    if not meant:
        raise LabError(
            f"there is no guest of {word!r} in the lab",
            next_step=suggestion([word], {each.student.login for each in plan.guests}),
        )
    return meant[0]
