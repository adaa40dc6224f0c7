"""Tables and lines in Markdown, for the sections of the page."""

from collections.abc import Iterable, Mapping, Sequence


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table.

    >>> print(table(["", "seconds"], [["first", 1.5]]), end="")
    |  | seconds |
    |---|---|
    | first | 1.5 |

    :param headings: the headings of the columns.
    :param rows: the cells of each row.
    :return: the table, ended by a line end.
    """
    header, *lines = [f"| {' | '.join(map(str, cells))} |\n" for cells in (headings, *rows)]
    return "".join([header, "|---" * len(headings), "|\n", *lines])


def where(machine: Mapping[str, str]) -> str:
    """Return a line that says where and when something was measured.

    :param machine: the machine, as :func:`benchmarks.kept.machine` returns it.
    :return: the line, without a line end.
    """
    return (
        f"<small>{machine['processors']}, {machine['memory']} of memory, Linux {machine['kernel']}; "
        f"{machine['day']}, revision {machine['revision']}.</small>"
    )
