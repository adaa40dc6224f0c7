"""Parse the lines that facts have hosts print: keys with values, and sections. No I/O."""

from collections.abc import Iterable


def values_by_key(lines: Iterable[str]) -> dict[str, list[str]]:
    """Return the values of lines ``key value``; a key with several lines has a value for each."""
    values: dict[str, list[str]] = {}
    for line in lines:
        key, _, value = line.partition(" ")
        values.setdefault(key, []).append(value)
    return values


def sections(lines: Iterable[str], mark: str = "@") -> dict[str, list[str]]:
    """Split lines into sections.

    :param lines: the lines; one that begins with the mark begins a section, whose name is the rest of it.
    :param mark: the mark.
    :return: the lines of each section, by its name; lines before the first section are left out.
    """
    lines_by_name: dict[str, list[str]] = {}
    section: list[str] = []
    for line in lines:
        if line.startswith(mark):
            section = lines_by_name.setdefault(line.removeprefix(mark).strip(), [])
        else:
            section.append(line)
    return lines_by_name


def text(lines: Iterable[str]) -> str:
    """Return lines as the content of a file: with a line end after each."""
    return "".join(f"{line}\n" for line in lines)
