"""Facts about the jump account, through which students reach their machines."""

import shlex

from minetlab.facts.base import HostFact
from minetlab.resources.jump import (
    JumpObserved,
    jump_account,
    keys_file,
    keys_folder,
    limits_file,
    settings_file,
)
from minetlab.resources.printed import text, values_by_key


class JumpState(HostFact[JumpObserved]):
    """The jump account, its keys and limits, and our file in sshd's configuration."""

    default = JumpObserved

    def command(self, lab: str) -> str:
        """Return a command that prints lines of the form ``key value``."""
        settings, account = shlex.quote(settings_file(lab)), shlex.quote(jump_account(lab))
        # Of an account that is not there, id(1) prints nothing.
        limits = limits_file(f"$(id --user {account} 2>/dev/null)")
        # sshd writes its PID file when it starts or reloads. Newer settings were not read yet: for example, a
        # run was interrupted before the reload.
        return (
            f"getent passwd {account} | sed 's/^/account /'; "
            f"test -d {shlex.quote(keys_folder(lab))} && echo 'folder yes'; "
            f"sed 's/^/keys /' {shlex.quote(keys_file(lab))} 2>/dev/null; "
            f"sed 's/^/settings /' {settings} 2>/dev/null; "
            f"sed 's/^/limits /' \"{limits}\" 2>/dev/null; "
            # OpenSSH 9.8 and later.
            "/usr/sbin/sshd -t -o PerSourcePenalties=yes 2>/dev/null && echo 'penalizes yes'; "
            f"test {settings} -nt /run/sshd.pid && test -e /run/sshd.pid && echo 'stale yes'; true"
        )

    def parse(self, output: list[str]) -> JumpObserved:
        """Parse the lines; those of a file have the same key."""
        values = values_by_key(output)
        account = values.get("account")
        _, _, user, _, label, home, shell = (
            account[0].split(":") if account else ("", "", 0, "", None, "", "")
        )
        return JumpObserved(
            label=label,
            user=int(user) if account else None,
            home=home,
            shell=shell,
            folder="folder" in values,
            keys=text(values.get("keys", [])),
            settings=text(values.get("settings", [])),
            limits=text(values.get("limits", [])),
            penalizes="penalizes" in values,
            stale="stale" in values,
        )
