"""Shell commands that several operations share."""

import base64
import io
import shlex
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from pyinfra.api.command import QuoteString, StringCommand

from minetlab.facts.libvirt import VIRSH

# libvirtd and dockerd wait for much else while they serve one.
_AT_ONCE = "$(nproc) * 4"
_SIDE_BY_SIDE = f'--null --no-run-if-empty --max-procs="$(({_AT_ONCE}))"'
# virsh itself ends as the last of its commands did: that one failed is known by what it says of it.
_VIRSH_FOR_EACH = f"""
IFS=';'
said=$({VIRSH} "$*" 2>&1 >/dev/null)
[ -z "$said" ] || {{ echo "$said" >&2; exit 1; }}
"""


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


def with_input(content: bytes, *command: str | QuoteString) -> StringCommand:
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


def side_by_side(scripts: Iterable[str]) -> StringCommand:
    """Run these shell scripts side by side; all are run, and none may fail."""
    return with_input("\0".join(scripts).encode(), f"xargs {_SIDE_BY_SIDE} --max-args=1 sh -c")


def virsh_side_by_side(steps: Iterable[Iterable[Iterable[str]]]) -> StringCommand:
    """Run virsh commands for many things side by side; all are run, and none may fail.

    :param steps: for each thing its commands, in their order, each by its words.
    """
    things = ["; ".join(map(shlex.join, commands)) for commands in steps]
    # Each virsh is given its share of them: starting one takes a tenth of what starting a guest does.
    share = f'"$((({len(things)} - 1) / ({_AT_ONCE}) + 1))"'
    script = shlex.quote(_VIRSH_FOR_EACH)
    return with_input(
        "\0".join(things).encode(), f"xargs {_SIDE_BY_SIDE} --max-args={share} sh -c {script} sh"
    )


def received(files: Mapping[str, bytes], folder: str) -> StringCommand:
    """Write files that only root may read, each whole or not at all, by one command whatever their number.

    :param files: contents, by paths below the folder; what is above each is there.
    """
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz", compresslevel=1) as tar:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size, member.mode = len(content), 0o600
            tar.addfile(member, io.BytesIO(content))
    new = f"{folder}/.received"
    parents = sorted({str(PurePosixPath(path).parent) for path in files})
    moves = (f"mv -f {shlex.quote(f'{new}/{each}')}/* {shlex.quote(f'{folder}/{each}')}" for each in parents)
    return with_input(
        archive.getvalue(),
        f"(rm -rf {shlex.quote(new)} && mkdir -m 0700 {shlex.quote(new)} &&",
        f"tar --extract --gzip --no-same-owner --directory={shlex.quote(new)} &&",
        f"{' && '.join(moves)} && rm -rf {shlex.quote(new)})",
    )
