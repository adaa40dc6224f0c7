"""Shell commands that several operations share."""

import base64
import gzip
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from pyinfra.api.command import FileUploadCommand, QuoteString, StringCommand

from minetlab.facts.libvirt import VIRSH
from minetlab.images.cache import recorded_sha256
from minetlab.resources.access import AccessFile, archive

# More than processors, as libvirtd and dockerd often wait for disks and other things.
_AT_ONCE = "$(nproc) * 4"
_SIDE_BY_SIDE = f'--null --no-run-if-empty --max-procs="$(({_AT_ONCE}))"'
# The exit status of virsh is that of its last command. That another command failed shows in its error output
# only; that virsh was killed, in its status only.
RELOAD_UNITS = StringCommand("systemctl daemon-reload")
_VIRSH_FOR_EACH = f"""
IFS=';'
errors=$({VIRSH} "$*" 2>&1 >/dev/null) || errors="${{errors:-virsh ended with $?}}"
[ -z "$errors" ] || {{ echo "$errors" >&2; exit 1; }}
"""


def virsh(command: str, *words: str) -> StringCommand:
    """Return a virsh command; each word is quoted, the command itself is not."""
    return StringCommand(VIRSH, command, *map(QuoteString, words))


def install_text(content: str, path: str) -> StringCommand:
    """Return a command that writes a small file, and makes its folder; if killed, it leaves the old file."""
    new = f"{path}.new"
    return all_of(
        StringCommand("mkdir -p", QuoteString(path.rpartition("/")[0])),
        StringCommand("printf %s", QuoteString(content), ">", QuoteString(new)),
        StringCommand("chmod 0644", QuoteString(new)),
        StringCommand("mv -f", QuoteString(new), QuoteString(path)),
    )


def install_units(texts: Mapping[str, str]) -> StringCommand:
    """Return a command that writes files of systemd's units, by path, and has systemd read them."""
    return all_of(*(install_text(text, path) for path, text in texts.items()), RELOAD_UNITS)


def with_input(content: bytes, *command: str | QuoteString) -> StringCommand:
    """Return a command with the content as its standard input."""
    # This is for secrets: with sudo, an upload is in /tmp for a moment, where everybody can read it.
    return StringCommand("base64 --decode |", *command, _stdin=base64.b64encode(content).decode())


def all_of(*commands: StringCommand) -> StringCommand:
    """Return one command that runs the commands in turn and stops at the first that fails."""
    parts: list[object] = []
    for command in commands:
        parts += ["&&", command] if parts else [command]
    return StringCommand(*parts)


def side_by_side(scripts: Iterable[str]) -> StringCommand:
    """Return a command that runs all shell scripts side by side, and fails if one of them fails."""
    return with_input("\0".join(scripts).encode(), f"xargs {_SIDE_BY_SIDE} --max-args=1 sh -c")


def virsh_side_by_side(steps: Iterable[Iterable[Iterable[str]]]) -> StringCommand:
    """Return a command that runs groups of virsh commands side by side, and fails if one of them fails.

    :param steps: the groups, for example one per guest; a group is a list of commands in their order, and a
        command is a list of words.
    :return: the command, which runs all groups.
    """
    groups = ["; ".join(map(shlex.join, commands)) for commands in steps]
    # Each virsh gets an equal share of the groups: to start virsh takes a tenth of the time to start a guest.
    share = f'"$((({len(groups)} - 1) / ({_AT_ONCE}) + 1))"'
    script = shlex.quote(_VIRSH_FOR_EACH)
    return with_input(
        "\0".join(groups).encode(), f"xargs {_SIDE_BY_SIDE} --max-args={share} sh -c {script} sh"
    )


def upload(file: Path, uploaded: str) -> FileUploadCommand:
    """Return a command that uploads a large file; with sudo, it is first in a folder that is not in memory.

    :param file: the file on this machine.
    :param uploaded: its path on the host.
    :return: the command.
    """
    return FileUploadCommand(str(file), uploaded, remote_temp_filename=f"/var/tmp/minet-lab-{file.name}")  # noqa: S108


def verify_upload(file: Path, uploaded: str) -> StringCommand:
    """Return a command that fails if an uploaded file differs from what is in the cache.

    :param file: the file in the cache; its checksum was recorded when it was made.
    :param uploaded: path of the uploaded file on the host.
    :return: the command.
    """
    checksum = recorded_sha256(file)
    return StringCommand("echo", QuoteString(f"{checksum}  {uploaded}"), "| sha256sum --check --quiet")


def install_private_files(files: Mapping[str, bytes], folder: str) -> StringCommand:
    """Return one command that writes files which only root may read; if killed, it leaves no partial file.

    :param files: contents by path below the folder, each in a subfolder that exists.
    :param folder: the folder on the host.
    :return: the command.
    """
    private = {path: AccessFile(content, 0o600) for path, content in files.items()}
    new = f"{folder}/.received"
    parents = sorted({str(PurePosixPath(path).parent) for path in files})
    moves = (
        f"mv -f {shlex.quote(f'{new}/{parent}')}/* {shlex.quote(f'{folder}/{parent}')}" for parent in parents
    )
    return with_input(
        gzip.compress(archive(private), compresslevel=1),
        f"(rm -rf {shlex.quote(new)} && mkdir -m 0700 {shlex.quote(new)} &&",
        f"tar --extract --gzip --no-same-owner --directory={shlex.quote(new)} &&",
        f"{' && '.join(moves)} && rm -rf {shlex.quote(new)})",
    )
