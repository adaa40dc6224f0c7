"""What sections of the page are made of, in Markdown."""

from collections.abc import Iterable, Mapping, Sequence


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table.

    >>> print(table(["", "seconds"], [["first", 1.5]]), end="")
    |  | seconds |
    |---|---|
    | first | 1.5 |
    """
    lines = [headings, *rows]
    written = [f"| {' | '.join(map(str, cells))} |\n" for cells in lines]
    return "".join([written[0], "|---" * len(headings), "|\n", *written[1:]])


def where(machine: Mapping[str, str]) -> str:
    """A line that says where and when something was measured.

    :param machine: as :func:`benchmarks.kept.machine` returns it.
    """
    return (
        f"<small>{machine['processors']}, {machine['memory']} of memory, Linux {machine['kernel']}; "
        f"{machine['day']}, revision {machine['revision']}.</small>"
    )
