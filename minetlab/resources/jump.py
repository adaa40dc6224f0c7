"""The jump account of a host, through which students reach their machines. No I/O."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from minetlab.lab import BridgedNetwork, ContainerHost, KvmHost, Lab
from minetlab.plan.allocation import Plan
from minetlab.resources.units import drop_in

HOST_SSH_PORT = 22
JUMP_KEYS_FOLDER = "/etc/ssh/minet-lab"
UNFINISHED_LOGINS, UNFINISHED_LOGINS_OF_ONE = 400, 250
"""How many connections may be about to log in: of all, and of one address, which a class may share."""
MEMORY, MEMORY_OF_ONE = 512, 32
"""MiB that all connections through the account may take together: at least, and more for each student."""
TASKS, TASKS_OF_ONE = 256, 16
"""How many processes they may have, likewise; a connection has two."""
PRIVATE_NETWORKS = ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16")
"""Networks behind whose addresses there are many people: RFC 1918 and RFC 6598."""
JUMP_HOME, JUMP_SHELL = "/nonexistent", "/usr/sbin/nologin"


@dataclass(frozen=True)
class JumpObserved:
    """What a host has of a lab's jump account.

    :param label: the account's comment in passwd(5), which names its lab; None if there is no account.
    :param user: the account's number; None if there is no account.
    :param home: the account's home directory in passwd(5).
    :param shell: the account's shell in passwd(5).
    :param folder: whether the folder of its keys exists.
    :param keys: content of the file of keys.
    :param settings: content of our file in sshd's configuration.
    :param limits: content of our file on the slice of its processes.
    :param penalizes: whether the host's sshd has penalties for addresses that failed to log in.
    :param stale: whether that file is newer than what the running sshd has read.
    """

    label: str | None = None
    user: int | None = None
    home: str = ""
    shell: str = ""
    folder: bool = False
    keys: str = ""
    settings: str = ""
    limits: str = ""
    penalizes: bool = False
    stale: bool = False


def jump_account(lab: str) -> str:
    """Return the name of the jump account, which gives no shell and leads students to their own machines."""
    # One account for all students of a lab: a student's login and the lab's name would not fit into the 32
    # characters that useradd(8) allows. A student's key says where it leads: ``permitopen`` in sshd(8).
    return f"{lab}-jump"


def label(lab: str) -> str:
    """Return the comment in passwd(5) that marks the account as the lab's."""
    return f"minet-lab {lab}"


def keys_folder(lab: str) -> str:
    """Return the folder of the account's keys, which only root may write to."""
    return f"{JUMP_KEYS_FOLDER}/{lab}"


def keys_file(lab: str) -> str:
    """Return the path of the file with the keys that may log into the account."""
    return f"{keys_folder(lab)}/jump_keys"


def settings_file(lab: str) -> str:
    """Return the path of our file in sshd's configuration."""
    # 00: of several settings that match an account, sshd takes the first.
    return f"/etc/ssh/sshd_config.d/00-minet-lab-{lab}.conf"


def settings(lab: Lab, *, penalizes: bool) -> str:
    """Return our file of sshd_config(5): the account may forward TCP connections, and nothing else.

    :param lab: the lab.
    :param penalizes: whether the host's sshd refuses addresses for a while that failed to log in.
    :return: the content of the file.
    """
    # Only the file of keys says where a key may lead: a certificate, or a key from elsewhere, could lead
    # anywhere. So no other source of keys is allowed.
    exempt = ",".join(map(str, (*PRIVATE_NETWORKS, *lab.student_networks)))
    return f"""\
# Of minet-lab, lab {lab.name}: students go through this account to their machines, and nowhere else.
# A class may be behind one address. Who keeps open all that an address may have keeps nobody else out.
MaxStartups {UNFINISHED_LOGINS}:100:{UNFINISHED_LOGINS}
PerSourceMaxStartups {UNFINISHED_LOGINS_OF_ONE}
LoginGraceTime 120
{f"PerSourcePenaltyExemptList {exempt}" if penalizes else "# This sshd has no PerSourcePenaltyExemptList."}
Match User {jump_account(lab.name)}
    AuthenticationMethods publickey
    AuthorizedKeysFile {keys_file(lab.name)}
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
    ClientAliveInterval 60
    ClientAliveCountMax 3
    UnusedConnectionTimeout 60
    ForceCommand {JUMP_SHELL}
"""


def limits_file(user: int | str) -> str:
    """Return the path of our file on the slice that logind puts a user's sessions into: user@.service(5)."""
    return drop_in(f"user-{user}.slice")


def limits(lab: Lab) -> str:
    """Return our file of systemd.resource-control(5): what the account's connections take of their host.

    :param lab: the lab.
    :return: the content of the file.
    """
    # sshd keeps up to 2 MiB of each channel whose far end does not read. At the limit, the kernel ends the
    # largest process of the slice, which is the one that keeps most.
    students = len(lab.students)
    return f"""\
# Of minet-lab, lab {lab.name}: what all connections of students through this host take of it together.
[Slice]
MemoryMax={MEMORY + MEMORY_OF_ONE * students}M
MemorySwapMax=0
TasksMax={TASKS + TASKS_OF_ONE * students}
"""


def guests_need_jump(host: KvmHost) -> bool:
    """Tell whether students reach a host's guests only through its jump account."""
    # NAT hides guests. A bridge shows them, except in the sandbox, where only the host's sshd can be reached.
    return host.in_sandbox or not isinstance(host.settings.guest_network, BridgedNetwork)


def containers_need_jump(host: ContainerHost) -> bool:
    """Tell whether students reach a host's containers only through its jump account."""
    return host.in_sandbox


def jump_targets(lab: Lab, plan: Plan, host: str) -> dict[str, tuple[str, ...]]:
    """Return, by student's login, each ``address:port`` to which the jump account of a host leads."""
    targets: dict[str, list[str]] = defaultdict(list)
    for guest in plan.guests_on(host):
        if guests_need_jump(lab.kvm_host(host)):
            targets[guest.student.login].append(f"{guest.address.ip}:{HOST_SSH_PORT}")
    for container in plan.containers_on(host):
        if containers_need_jump(lab.container_host(host)):
            targets[container.student.login].append(f"127.0.0.1:{container.ssh_port}")
    return {login: tuple(destinations) for login, destinations in targets.items()}


def authorized_keys(targets: Mapping[str, Iterable[str]], keys: Mapping[str, Iterable[str]]) -> str:
    """Return the jump account's file of keys, one key per line: see AUTHORIZED_KEYS FILE FORMAT in sshd(8).

    :param targets: each ``address:port`` to which the account leads, by student's login.
    :param keys: the public keys of these students, by login.
    :return: the content of the file.
    """
    # If students share a key, its one line names the targets of all: sshd heeds only the first line of a key.
    owners_of_key: dict[str, list[str]] = defaultdict(list)
    for login in sorted(targets):
        for key in keys[login]:
            owners_of_key[" ".join(key.split()[:2])].append(login)
    lines = []
    for key, owners in owners_of_key.items():
        permissions = (f'permitopen="{target}"' for login in owners for target in targets[login])
        options = ",".join(("restrict", "port-forwarding", *permissions))
        lines.append(f"{options} {key} {','.join(owners)}\n")
    return "".join(lines)
