"""What an administrator means by a word: a machine's name or a student's login. No I/O."""

from collections.abc import Collection
from difflib import get_close_matches

from minetlab.plan.allocation import Guest, Plan
from minetlab.util.errors import LabError

FEW = 8
"""As many names as one reads in an error message."""


def suggestion(words: Collection[str], known: Collection[str]) -> str:
    """Which of the known ones were perhaps meant; all of them where they are few.

    >>> suggestion(["alise"], ["alice", "bob"])
    'choose one of: alice, bob'
    """
    if len(known) <= FEW:
        return f"choose one of: {', '.join(sorted(known)) or '(there is none)'}"
    near = [each for word in words for each in get_close_matches(word, sorted(known), n=3)]
    if near:
        return f"did you mean {' or '.join(dict.fromkeys(near))}? `lab status` lists all"
    some = ", ".join(sorted(known)[:3])
    return f"choose one of {len(known)}, such as {some}: `lab status` lists them"


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
