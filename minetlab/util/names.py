"""Names in messages: shorten long lists, and suggest a name for a mistyped one. No I/O."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from math import inf


def named(names: Iterable[str], most: int = 5, room: float = inf) -> str:
    """Join the first names for a message, and say how many more there are.

    :param names: in the order in which they are to be shown.
    :param most: how many names to show at most.
    :param room: how many characters the shown names may take; the first name is shown in any case.
    :return: the names with commas, such as ``a, b and 1 more``; empty if there is no name.

    >>> named(["a", "b", "c"], most=2)
    'a, b and 1 more'
    >>> named(["minet-alice-processus", "minet-bob-processus", "minet-carol-processus"], room=45)
    'minet-alice-processus, minet-bob-processus and 1 more'
    """
    first, *others = [*names] or [""]
    text, hidden = first, len(others)
    for name in others[: most - 1]:
        longer = f"{text}, {name}"
        if len(longer) > room:
            break
        text, hidden = longer, hidden - 1
    return f"{text} and {hidden} more" if hidden else text


FEW = 8
"""Up to so many names, an error message lists all of them."""


def suggestion(unknown: Collection[str], choices: Collection[str]) -> str:
    """Suggest the names that were perhaps meant, or all that exist if they are few.

    :param unknown: what the user typed and nothing is called.
    :param choices: all names that exist.
    :return: a next step for a :class:`~minetlab.util.errors.LabError`.

    >>> suggestion(["alise"], ["alice", "bob"])
    'choose one of: alice, bob'
    """
    names = sorted(choices)
    if len(names) <= FEW:
        return f"choose one of: {', '.join(names) or '(there is none)'}"
    similar = [name for word in unknown for name in get_close_matches(word, names, n=3)]
    if similar:
        return f"did you mean {' or '.join(dict.fromkeys(similar))}? `lab status` lists all"
    return f"choose one of {len(names)}, such as {', '.join(names[:3])}: `lab status` lists them"
