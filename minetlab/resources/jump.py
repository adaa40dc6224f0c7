"""The account of a host that students' connections to their machines go through. No I/O."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from minetlab.lab import BridgedNetwork, ContainerHost, KvmHost, Lab
from minetlab.plan.allocation import Plan

SSH_PORT = 22
FOLDER = "/etc/ssh/minet-lab"
HOME, SHELL = "/nonexistent", "/usr/sbin/nologin"


@dataclass(frozen=True)
class JumpObserved:
    """What a host has of the account.

    :param label: the account's comment in passwd(5), by which it is known as a lab's; None: no account.
    :param home: the same line's, as is ``shell``.
    :param folder: whether there is the folder of its keys.
    :param keys: the content of their file; ``settings``: of our part of sshd's configuration.
    :param stale: that part is younger than what the running sshd has read.
    """

    label: str | None = None
    home: str = ""
    shell: str = ""
    folder: bool = False
    keys: str = ""
    settings: str = ""
    stale: bool = False


def jump_account(lab: str) -> str:
    """The account that opens no shell on a host, and leads each student to their own machines only.

    One for all students of a lab: a student's name and the lab's would not fit into the 32 characters that
    useradd(8) gives an account's name. Who may go where is a matter of the key (``permitopen`` in sshd(8)).
    """
    return f"{lab}-jump"


def label(lab: str) -> str:
    """The account's comment in passwd(5): whose it is."""
    return f"minet-lab {lab}"


def keys_folder(lab: str) -> str:
    """The folder of the account's keys, which root alone writes to."""
    return f"{FOLDER}/{lab}"


def keys_file(lab: str) -> str:
    """The keys that open the account."""
    return f"{keys_folder(lab)}/jump_keys"


def settings_file(lab: str) -> str:
    """Our part of sshd's configuration: of several that match an account, sshd takes the first."""
    return f"/etc/ssh/sshd_config.d/00-minet-lab-{lab}.conf"


def settings(lab: str) -> str:
    """What sshd lets the account do, in sshd_config(5)'s words: forward TCP, and nothing else.

    Where a key may lead is in the file of keys, and no other source of keys holds: a certificate or a key
    from elsewhere would lead anywhere.
    """
    return f"""\
# Of minet-lab, lab {lab}: students go through this account to their machines, and nowhere else.
Match User {jump_account(lab)}
    AuthenticationMethods publickey
    AuthorizedKeysFile {keys_file(lab)}
    AuthorizedKeysCommand none
    TrustedUserCAKeys none
    AllowTcpForwarding local
    AllowStreamLocalForwarding no
    PermitListen none
    GatewayPorts no
    AllowAgentForwarding no
    X11Forwarding no
    PermitTunnel no
    PermitTTY no
    PermitUserRC no
    MaxSessions 0
    ForceCommand {SHELL}
"""


def leads_to_guests(host: KvmHost) -> bool:
    """Whether students need the account to reach a host's guests: a bridge shows them, NAT hides them.

    Of a sandbox host, nothing but its own sshd can be reached from outside.
    """
    return host.in_sandbox or not isinstance(host.settings.guest_network, BridgedNetwork)


def leads_to_containers(host: ContainerHost) -> bool:
    """The same of a host's containers."""
    return host.in_sandbox


def ways(lab: Lab, plan: Plan, host: str) -> dict[str, tuple[str, ...]]:
    """Where the account leads on a host: login to ``address:port``, as seen from there."""
    found: dict[str, tuple[str, ...]] = {}
    if any(each.name == host and leads_to_guests(each) for each in lab.kvm_hosts):
        for guest in plan.guests_on(host):
            login = guest.student.login
            found[login] = (*found.get(login, ()), f"{guest.address.ip}:{SSH_PORT}")
    if any(each.name == host and leads_to_containers(each) for each in lab.container_hosts):
        for container in plan.containers_on(host):
            login = container.student.login
            found[login] = (*found.get(login, ()), f"127.0.0.1:{container.ssh_port}")
    return found


def authorized_keys(ways: Mapping[str, Iterable[str]], keys: Mapping[str, Iterable[str]]) -> str:
    """The account's file of keys, in sshd(8)'s words: a line a key.

    Of several lines with one key, sshd takes the first: what the key leads to is therefore put together.

    :param ways: login to where it leads; ``keys``: login to public keys.
    """
    targets: dict[str, list[str]] = {}
    owners: dict[str, list[str]] = {}
    for login in sorted(ways):
        for key in keys[login]:
            bare = " ".join(key.split()[:2])
            owners.setdefault(bare, []).append(login)
            targets.setdefault(bare, []).extend(ways[login])
    return "".join(
        ",".join(("restrict", "port-forwarding", *(f'permitopen="{each}"' for each in targets[key])))
        + f" {key} {','.join(owners[key])}\n"
        for key in targets
    )
