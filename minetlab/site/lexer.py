"""The lexer that colours the ``console`` blocks of sheets; :mod:`minetlab.tp.sheet` has their grammar."""

import re
from typing import ClassVar

from pygments.lexer import RegexLexer, bygroups
from pygments.token import Generic

from minetlab.tp.sheet import PROMPT


class SheetLexer(RegexLexer):  # type: ignore[misc]
    """Tell commands from output, where Pygments' own lexer takes output such as ``# …`` for commands."""

    name = "MiNET sheet"
    aliases: ClassVar = ["console"]
    flags = 0
    tokens: ClassVar = {
        "root": [
            (rf"({re.escape(PROMPT)})(.*\n?)", bygroups(Generic.Prompt, Generic.Strong)),
            (r".*\n|.+", Generic.Output),
        ]
    }
