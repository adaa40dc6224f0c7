"""A sheet of the practical work: its commands, and whether what they print is what the sheet says.

A sheet is Markdown. Its ``console`` blocks are what a student types and sees, in one shell session: a line
that starts with ``$`` and a blank is a command; the lines below it, up to the next one, are its output. In
those, an ellipsis (``…``) stands for any text on its line; alone on a line, for any number of lines.

Behind the word ``console`` a block may name the claims that its commands show: ``console C01 C02``.
"""

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, replace

BLOCK = re.compile(r"^```console((?: C\d\d)*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROMPT = "$ "
ANYTHING = "…"
# ASCII's record separator: no command of a sheet prints it.
_SEPARATOR = "\x1e"


@dataclass(frozen=True)
class Step:
    """One command of a sheet.

    :param line: of the sheet, counted from 1.
    :param command: as it is typed.
    :param output: what the sheet says it prints, standard error included; may have ellipses.
    :param claims: what it shows, by id.
    """

    line: int
    command: str
    output: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()

    def shows(self, printed: str) -> bool:
        """Whether the command printed what the sheet says; blanks at the ends of lines do not count."""
        lines = "".join(f"{line.rstrip()}\n" for line in printed.splitlines())
        return re.fullmatch("".join(map(_pattern, self.output)), lines) is not None


def steps(markdown: str) -> tuple[Step, ...]:
    """The commands of a sheet, in order.

    :raises ValueError: a block does not start with a command; names the line.
    """
    found: list[Step] = []
    for block in BLOCK.finditer(markdown):
        first = markdown.count("\n", 0, block.start(2)) + 1
        found += _steps_of(block[2].splitlines(), first, tuple(block[1].split()))
    return tuple(found)


def claims(commands: Iterable[Step]) -> tuple[str, ...]:
    """The claims that these commands show, each once."""
    return tuple(sorted({claim for step in commands for claim in step.claims}))


def script(commands: tuple[Step, ...]) -> str:
    """A script that runs the commands in turn, in one bash or zsh, with marks between their outputs."""
    # Through eval: a command that cannot be parsed fails by itself there, not with all the others. Nothing
    # reads the standard input, which is the script's own.
    runs = (f"printf '\\036'; eval {shlex.quote(step.command)} 2>&1 </dev/null\n" for step in commands)
    return f"cd\n{''.join(runs)}printf '\\036'\n"


def outputs(printed: str, commands: tuple[Step, ...]) -> dict[Step, str]:
    """What each command printed, from what :func:`script` printed; what was not reached is missing."""
    parts = printed.split(_SEPARATOR)[1:]
    # The last part is what comes after the last mark, or what a command printed before the shell died.
    return dict(zip(commands, parts[:-1], strict=False))


def _steps_of(lines: list[str], first: int, claims: tuple[str, ...]) -> list[Step]:
    found: list[Step] = []
    for number, line in enumerate(lines, first):
        if line.startswith(PROMPT):
            found.append(Step(number, line.removeprefix(PROMPT), claims=claims))
        elif found:
            last = found[-1]
            found[-1] = replace(last, output=(*last.output, line.rstrip()))
        else:
            raise ValueError(f"line {number}: a console block starts with a command, {PROMPT!r} before it")
    return found


def _pattern(line: str) -> str:
    if line.strip() == ANYTHING:
        return r"(?:.*\n)*"
    return ".*".join(map(re.escape, line.split(ANYTHING))) + r"\n"
