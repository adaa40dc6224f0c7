"""Shell commands that several operations share."""

import base64

from pyinfra.api.command import QuoteString, StringCommand

from minetlab.facts.libvirt import VIRSH


def virsh(command: str, *words: str | QuoteString) -> StringCommand:
    """One virsh command; every word is quoted, the command is not."""
    return StringCommand(
        VIRSH, command, *(QuoteString(word) if isinstance(word, str) else word for word in words)
    )


def install_text(content: str, path: str, *, mode: str = "0644") -> StringCommand:
    """Write a small file whole or not at all, and its folder if that is missing."""
    new = f"{path}.new"
    return all_of(
        StringCommand("mkdir -p", QuoteString(path.rpartition("/")[0])),
        StringCommand("printf %s", QuoteString(content), ">", QuoteString(new)),
        StringCommand("chmod", mode, QuoteString(new)),
        StringCommand("mv -f", QuoteString(new), QuoteString(path)),
    )


def fed(content: bytes, *command: str | QuoteString) -> StringCommand:
    """A command that reads this from its standard input.

    For what is secret: an upload through sudo lies in /tmp for a while, where everybody can read it.
    """
    return StringCommand("base64 --decode |", *command, _stdin=base64.b64encode(content).decode())


def all_of(*commands: StringCommand) -> StringCommand:
    """One command that runs these in turn and stops at the first that fails."""
    bits: list[object] = []
    for command in commands:
        bits += ["&&", command] if bits else [command]
    return StringCommand(*bits)
