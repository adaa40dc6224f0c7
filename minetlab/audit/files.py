"""Which permissions the files of a lab may have, on its hosts and on this machine. No I/O."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from minetlab.audit.weaknesses import AuditedHost, Look, ThisMachine, Weight
from minetlab.resources.docker import access_folder, homes_folder
from minetlab.resources.layout import Layout
from minetlab.resources.site import secrets_folder, sites_folder
from minetlab.util.names import named

OTHERS_WRITE, OTHERS_LIST, OTHERS_ANYTHING = 0o022, 0o066, 0o077
"""Permissions that files must not give to their group and to others."""


@dataclass(frozen=True)
class FilePolicy:
    """What files must not allow.

    :param paths: a regular expression for their whole paths.
    :param forbidden: permissions that none of them may have.
    :param weight: how much it weighs if one has them.
    :param content: what is in them, as messages name it.
    :param of_root: whether they have to belong to root; sshd and QEMU own some others.
    """

    paths: str
    forbidden: int
    weight: Weight
    content: str
    of_root: bool = True


def policies(lab: str) -> tuple[FilePolicy, ...]:
    """Return what the files of a lab on a host must not allow; the first policy with a file's path holds."""
    layout, access = Layout(lab), re.escape(access_folder(lab))
    disks, consoles = re.escape(layout.disks), re.escape(layout.consoles)
    sites, homes = re.escape(sites_folder(lab)), re.escape(homes_folder(lab))
    secrets = re.escape(secrets_folder(lab))
    return (
        FilePolicy(f"{access}/.*/host_key", OTHERS_ANYTHING, Weight.HIGH, "a private key", of_root=False),
        FilePolicy(f"{secrets}/.*", OTHERS_ANYTHING, Weight.HIGH, "the site's secrets", of_root=False),
        FilePolicy(access, OTHERS_ANYTHING, Weight.HIGH, "keys and passwords of machines and site"),
        FilePolicy(f"{access}/.*", OTHERS_WRITE, Weight.HIGH, "keys and passwords", of_root=False),
        FilePolicy(f"{disks}/base-.*", OTHERS_WRITE, Weight.HIGH, "the image of all guests", of_root=False),
        FilePolicy(
            rf"{disks}/.*-seed-.*\.iso", OTHERS_ANYTHING, Weight.HIGH, "a guest's keys", of_root=False
        ),
        FilePolicy(f"{disks}/.*", OTHERS_ANYTHING, Weight.HIGH, "a guest's disk", of_root=False),
        FilePolicy(f"{consoles}/.*", OTHERS_ANYTHING, Weight.MEDIUM, "a guest's console", of_root=False),
        FilePolicy(f"{re.escape(layout.specs)}", OTHERS_ANYTHING, Weight.MEDIUM, "definitions of guests"),
        FilePolicy(
            f"{disks}|{consoles}|{re.escape(layout.folder)}", OTHERS_LIST, Weight.LOW, "guests' files"
        ),
        FilePolicy(homes, OTHERS_ANYTHING, Weight.MEDIUM, "students' home folders"),
        FilePolicy(rf"{homes}/[^/]*\.img", OTHERS_ANYTHING, Weight.HIGH, "a student's home folder"),
        FilePolicy(sites, OTHERS_ANYTHING, Weight.MEDIUM, "students' and instructors' pages"),
        FilePolicy(f"{homes}/.*|{sites}/.*", OTHERS_WRITE, Weight.MEDIUM, "what students see", of_root=False),
        FilePolicy(".*", OTHERS_WRITE, Weight.HIGH, "what root's programs read"),
    )


def on_host(host: AuditedHost) -> Iterator[Look]:
    """Yield the files of a host that more accounts may read or write than have to."""
    compiled = [(re.compile(policy.paths), policy) for policy in policies(host.lab.name)]
    for path, state in host.security.files.items():
        if state.kind == "l":
            continue
        policy = next(policy for pattern, policy in compiled if pattern.fullmatch(path))
        if excess := state.mode & policy.forbidden:
            next_step = f"on {host.alias}: chmod {_symbolic(excess)} {path}"
            yield policy.weight, f"{path} ({policy.content}) has mode {state.mode:04o}", next_step
        elif policy.of_root and state.owner:
            problem = f"{path} ({policy.content}) belongs to user {state.owner}"
            yield policy.weight, problem, f"on {host.alias}: chown root {path}"


def daemons(host: AuditedHost) -> Iterator[Look]:
    """Yield daemons with root's rights that obey others than root."""
    for daemon in sorted(host.security.open_to_all):
        yield (
            Weight.HIGH,
            f"every account of the host commands {daemon}, which has root's rights",
            f"on {host.alias}: give {daemon}'s socket to root and its group, or have polkit ask",
        )
    for path in host.security.open_sockets:
        yield (
            Weight.MEDIUM,
            f"every account of the host may connect to {path}, and keep libvirtd from others",
            "run lab up, which gives libvirt's sockets to root and its group",
        )
    for group, members in sorted(host.security.root_by_group.items()):
        if members:
            yield (
                Weight.MEDIUM,
                f"as members of the group {group}, these have root's rights: {named(members)}",
                f"on {host.alias}: gpasswd --delete {members[0]} {group}; administrators use sudo",
            )


def on_this_machine(here: ThisMachine) -> Iterator[Look]:
    """Yield what others may read or write of the lab's files on this machine."""
    for path, (mode, owner) in here.modes.items():
        if owner != here.user:
            yield Weight.HIGH, f"{path} belongs to user {owner}", f"chown --recursive {here.user} {path}"
        elif excess := mode & OTHERS_ANYTHING:
            problem = f"{path} has mode {mode:04o}, and secrets are in it"
            yield Weight.HIGH, problem, f"chmod {_symbolic(excess)} {path}"


def _symbolic(excess: int) -> str:
    """Return the mode by which chmod(1) takes permissions away.

    >>> _symbolic(0o044), _symbolic(0o022), _symbolic(0o006)
    ('go-r', 'go-w', 'o-rw')
    """
    letters = "".join(letter for bit, letter in ((4, "r"), (2, "w"), (1, "x")) if excess & (bit * 0o11))
    return f"{'go' if excess & 0o070 else 'o'}-{letters}"
