"""Facts about the account that students' connections go through."""

import shlex
from collections.abc import Iterable

from pyinfra.api.facts import FactBase

from minetlab.resources.jump import JumpObserved, jump_account, keys_file, keys_folder, settings_file


class JumpState(FactBase[JumpObserved]):
    """The account, its keys, and what sshd has been told about it, in one command."""

    def command(self, lab: str) -> str:
        """Print one ``key value`` a line."""
        settings = shlex.quote(settings_file(lab))
        # sshd writes its pid file as it starts and as it reloads: a run interrupted in between is found out.
        return (
            f"getent passwd {shlex.quote(jump_account(lab))} | sed 's/^/account /'; "
            f"test -d {shlex.quote(keys_folder(lab))} && echo 'folder yes'; "
            f"sed 's/^/keys /' {shlex.quote(keys_file(lab))} 2>/dev/null; "
            f"sed 's/^/settings /' {settings} 2>/dev/null; "
            f"test {settings} -nt /run/sshd.pid && test -e /run/sshd.pid && echo 'stale yes'; true"
        )

    @staticmethod
    def default() -> JumpObserved:
        """Say that there is none."""
        return JumpObserved()

    def process(self, output: Iterable[str]) -> JumpObserved:
        """Collect the values; a file's lines make one value."""
        values: dict[str, list[str]] = {}
        for line in output:
            key, _, value = line.partition(" ")
            values.setdefault(key, []).append(value)
        content = {key: "".join(f"{line}\n" for line in lines) for key, lines in values.items()}
        account = values.get("account")
        *_, label, home, shell = account[0].split(":") if account else (None, "", "")
        return JumpObserved(
            label=label,
            home=home,
            shell=shell,
            folder="folder" in values,
            keys=content.get("keys", ""),
            settings=content.get("settings", ""),
            stale="stale" in values,
        )
