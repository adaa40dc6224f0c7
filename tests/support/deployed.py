"""A private host to which pyinfra deploys, and students' ways to it."""

import subprocess
from collections.abc import Callable
from typing import Any

from pyinfra.api.config import Config
from pyinfra.api.connect import connect_all
from pyinfra.api.inventory import Inventory
from pyinfra.api.operation import add_op
from pyinfra.api.operations import run_ops
from pyinfra.api.state import State

from minetlab.secrets import keys
from tests.support.private_host import PrivateHost

ACCOUNT = "minet-jump"


OPTIONS = (
    *("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=INFO"),
    *("-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-F", "none"),
)


BANNER = "SSH-2.0-"


class Deployed:
    """A private host that pyinfra deploys to."""

    def __init__(self, host: PrivateHost) -> None:
        self.host = host

    def does(self, operation: Callable[..., Any], **arguments: Any) -> bool:
        """Run an operation as pyinfra does; whether it has changed anything."""
        data = {"_shell_executable": str(self.host.shell)}
        state = State(Inventory((["@local"], {}), override_data=data), Config())  # type: ignore[no-untyped-call]
        connect_all(state)
        meta = add_op(state, operation, **arguments)[state.inventory.get_host("@local")]
        run_ops(state)
        return bool(meta.did_change())

    def ssh(self, login: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Connect to the account with a student's key."""
        key = str(keys.student_key("minet", login).private)
        return self.host.run("timeout", "10", "ssh", *OPTIONS, "-i", key, *words)

    def forwards(self, login: str, target: str) -> bool:
        """Whether a student gets there, that is, an sshd answers."""
        return BANNER in self.ssh(login, "-W", target, f"{ACCOUNT}@127.0.0.1").stdout

    def state(self) -> str:
        """All that can be left behind."""
        return self.host.prints(
            "cat /etc/passwd /etc/group /etc/shadow /etc/gshadow; find /etc/ssh | sort; sshd -T | sort"
        )
