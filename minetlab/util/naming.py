"""Some names of many: of a class of thirty, nobody reads all. No I/O."""

from collections.abc import Iterable
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
