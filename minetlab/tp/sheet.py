"""Read the commands of a TP's sheet, and compare what they print with what the sheet says.

A sheet is Markdown. Its ``console`` blocks show one shell session, as a student types and sees it: a line
that starts with ``$`` and a blank is a command; the lines below it, up to the next command, are its output.
In the output, an ellipsis (``…``) stands for any text in its line; alone in a line, for any number of lines.

After the word ``console``, a block can name the claims that its commands show: ``console C01 C02``.

In the prose, a code span that starts with ``$`` and a blank is a command that a student is asked to type,
too. It is not run, as it may wait for keys: its program, and the files that it opens, have to be there.
"""

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import dropwhile

CONSOLE_BLOCK = re.compile(r"^```console((?: C\d\d)*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
IN_PROSE = re.compile(r"`\$ ([^`]+)`")
BEFORE_PROGRAM = ("sudo", "time")
"""Words after which the command proper begins."""
OPENS_FILES = ("cat", "less", "nano")
PROMPT = "$ "
"""The start of a line that is a command."""
ANYTHING = "…"
"""What stands for any text in the output that a sheet shows."""
# ASCII's record separator, which no command of a sheet prints.
_SEPARATOR = "\x1e"


@dataclass(frozen=True)
class Step:
    """One command of a sheet.

    :param line: its line in the sheet, counted from 1.
    :param command: the command as it is typed.
    :param output: the lines that it prints according to the sheet, including standard error; can have
        ellipses.
    :param claims: the ids of the claims that it shows.
    :param in_prose: whether it stands in the prose: it is not run.
    """

    line: int
    command: str
    output: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    in_prose: bool = False

    @property
    def shell_line(self) -> str:
        """What a check has the shell run: the command, or what names each thing that it would miss."""
        return _what_is_missing(self.command) if self.in_prose else self.command

    def shows(self, printed: str) -> bool:
        """Return whether ``printed`` is the output of the sheet, apart from blanks at the ends of lines."""
        return _shows(self.output, [line.rstrip() for line in printed.splitlines()])


def steps(markdown: str) -> tuple[Step, ...]:
    """Read the commands of a sheet.

    :param markdown: the text of the sheet.
    :return: the commands, in the order of the sheet.
    :raises ValueError: a block does not start with a command; names the line.
    """
    all_steps: list[Step] = []
    for block in CONSOLE_BLOCK.finditer(markdown):
        first_line = markdown.count("\n", 0, block.start(2)) + 1
        all_steps += _steps_of_block(block[2].splitlines(), first_line, tuple(block[1].split()))
    prose = FENCED.sub(lambda block: "\n" * block[0].count("\n"), markdown)
    for span in IN_PROSE.finditer(prose):
        line = prose.count("\n", 0, span.start()) + 1
        all_steps.append(Step(line, " ".join(span[1].split()), in_prose=True))
    return tuple(sorted(all_steps, key=lambda step: step.line))


def claims(commands: Iterable[Step]) -> tuple[str, ...]:
    """Return the ids of the claims that these commands show, sorted, each once."""
    return tuple(sorted({claim for step in commands for claim in step.claims}))


def script(commands: tuple[Step, ...]) -> str:
    """Return a script for bash or zsh that runs the commands in turn, with separators between the outputs."""
    # With eval, a command that cannot be parsed fails alone, instead of the whole script. The commands must
    # not read the standard input, as the shell reads the script from there.
    lines = (f"printf '\\036'; eval {shlex.quote(step.shell_line)} 2>&1 </dev/null\n" for step in commands)
    return f"cd\n{''.join(lines)}printf '\\036'\n"


def outputs(printed: str, commands: tuple[Step, ...]) -> dict[Step, str]:
    """Split the output of :func:`script` by command; commands that did not run to their end are left out."""
    parts = printed.split(_SEPARATOR)[1:]
    # The last part follows the last separator, or is the partial output of a command that ended the shell.
    return dict(zip(commands, parts[:-1], strict=False))


def _steps_of_block(lines: list[str], first_line: int, claims: tuple[str, ...]) -> list[Step]:
    block_steps: list[Step] = []
    for number, line in enumerate(lines, first_line):
        if line.startswith(PROMPT):
            block_steps.append(Step(number, line.removeprefix(PROMPT), claims=claims))
        elif block_steps:
            last = block_steps[-1]
            block_steps[-1] = replace(last, output=(*last.output, line.rstrip()))
        else:
            raise ValueError(f"line {number}: a console block starts with a command, {PROMPT!r} before it")
    return block_steps


def _what_is_missing(command: str) -> str:
    program, *arguments = dropwhile(lambda word: word in BEFORE_PROGRAM, shlex.split(command))
    tests = [f"command -v {shlex.quote(program)} >/dev/null || echo {shlex.quote(f'no program {program}')}"]
    files = [word for word in arguments if not word.startswith("-")] if program in OPENS_FILES else []
    tests += [f"[ -r {shlex.quote(file)} ] || echo {shlex.quote(f'no file {file}')}" for file in files]
    return "; ".join(tests)


def _shows(says: Sequence[str], lines: Sequence[str]) -> bool:
    """Tell whether lines are those of a sheet, in a time that grows with both and no more.

    A regular expression would go back over what a student has printed, for hours.

    :param says: lines of a sheet.
    :param lines: the lines that were printed.
    :return: whether they are the same, but for ellipses.
    """
    at = row = 0
    ellipsis = -1  # the last one that was met, and the row from which its lines were left out
    left_out_from = 0
    while row < len(lines):
        if at < len(says) and says[at].strip() == ANYTHING:
            ellipsis, left_out_from = at, row
            at += 1
        elif at < len(says) and _line_shows(says[at], lines[row]):
            at, row = at + 1, row + 1
        elif ellipsis >= 0:
            left_out_from += 1
            at, row = ellipsis + 1, left_out_from
        else:
            return False
    return all(line.strip() == ANYTHING for line in says[at:])


def _line_shows(says: str, line: str) -> bool:
    first, *parts = says.split(ANYTHING)
    if not parts:
        return line == says
    if not line.startswith(first):
        return False
    end = len(first)
    for part in parts[:-1]:
        start = line.find(part, end)
        if start < 0:
            return False
        end = start + len(part)
    return line.endswith(parts[-1]) and len(line) - len(parts[-1]) >= end
