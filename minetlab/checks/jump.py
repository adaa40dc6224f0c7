"""The commands that look at the account of a host through which students reach their machines."""

from collections.abc import Iterable

from minetlab.checks.machines import SSHD
from minetlab.checks.modules import Kernel
from minetlab.resources.jump import jump_account, keys_file


def jump_settings(lab: str) -> str:
    """Return the command that reads sshd's settings for the jump account: sshd(8), ``-T`` and ``-C``."""
    return f"{SSHD} -C user={jump_account(lab)},host=localhost,addr=127.0.0.1"


def jump_keys(lab: str) -> str:
    """Return the command that reads the file with the jump account's keys: owner and mode, then the keys."""
    return f"stat --format='%U %a' {keys_file(lab)} && cat {keys_file(lab)}"


def jump_login(lab: str) -> str:
    """Return the command that reads the jump account's shell, the state of its password, and its limits."""
    account = jump_account(lab)
    limits = f"--property=MemoryMax,MemorySwapMax,TasksMax user-$(id --user {account}).slice"
    return f"getent passwd {account} | cut -d: -f7 && passwd --status {account} && systemctl show {limits}"


def jump_host_batches(lab: str) -> Iterable[Iterable[str]]:
    """Return the batches of a host through which students reach their machines."""
    return ((*Kernel.IDENTITY, jump_settings(lab), jump_keys(lab), jump_login(lab)),)
