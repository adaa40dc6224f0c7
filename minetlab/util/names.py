"""Names in messages: some of many, and those that a mistyped one was perhaps meant to be. No I/O."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from math import inf


def named(names: Iterable[str], most: int = 5, room: float = inf) -> str:
    """The first of some names, and how many there are beside them.

    :param most: names that are written out.
    :param room: characters for those; the first is written whatever its length.

    >>> named(["a", "b", "c"], most=2)
    'a, b and 1 more'
    >>> named(["minet-alice-processus", "minet-bob-processus", "minet-carol-processus"], room=45)
    'minet-alice-processus, minet-bob-processus and 1 more'
    """
    first, *others = [*names] or [""]
    said, left = first, len(others)
    for name in others[: most - 1]:
        if len(f"{said}, {name}") > room:
            break
        said, left = f"{said}, {name}", left - 1
    return f"{said} and {left} more" if left else said


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
