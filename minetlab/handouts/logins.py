"""How students log into their machines from computers of their own: with no key or account of an admin's."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from minetlab.inventory.hosts import InventoryHost
from minetlab.lab import Lab, Student
from minetlab.plan import Container, Guest, Plan
from minetlab.resources.jump import SSH_PORT, jump_account, leads_to_containers, leads_to_guests
from minetlab.secrets.keys import KeyPair, container_host_key, guest_host_key
from minetlab.ssh import ssh_config
from minetlab.tp.tp_images import USER as TP_USER
from minetlab.util.errors import LabError
from minetlab.util.names import named
from minetlab.util.process import capture

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class ReachedHost:
    """A host as SSH finds it.

    :param alias: what the lab calls it.
    :param host_keys: its public keys, ``type key`` each, as SSH knows them; none: nobody has been there yet.
    """

    alias: str
    hostname: str
    port: int
    host_keys: tuple[str, ...]


@dataclass(frozen=True)
class Jump:
    """The host that a login leads through.

    :param alias: what it is called in the student's configuration.
    """

    alias: str
    user: str
    host: ReachedHost


@dataclass(frozen=True)
class Login:
    """A student's way into one of their machines.

    :param tp_image: of a container; None: it is a guest.
    :param shown: its address as people read it.
    :param hostname: for SSH, as is ``port``: seen from the host, where there is a ``jump``.
    :param host_key: by which the machine is known: ``type key``.
    """

    machine: str
    tp_image: str | None
    user: str
    shown: str
    hostname: str
    port: int
    host_key: str
    jump: Jump | None

    @property
    def uri(self) -> str:
        """The login as a URI, of the scheme that SSH clients take (``ssh://``, as in ssh(1))."""
        port = "" if self.port == SSH_PORT else f":{self.port}"
        return f"ssh://{self.user}@{_bracketed(self.hostname)}{port}"


def reached(config: Path, hosts: Iterable[InventoryHost]) -> dict[str, ReachedHost]:
    """Where these hosts are found and what proves who they are, by the inventory's name.

    :param config: the lab's SSH configuration, which `access.write_config` has just written: OpenSSH itself
        says what it and the admin's own configuration come to.
    :raises LabError: naming the sandbox hosts that do not run, as those have no address.
    """
    hosts = tuple(hosts)
    stopped = [ssh_config.alias_of(host.name) for host in hosts if ssh_config.host_block(host) is None]
    if stopped:
        raise LabError(
            f"sandbox hosts that do not run have no address: {named(stopped)}",
            next_step="start them with ./lab up, and run this again",
        )
    return {host.name: _reached(config, ssh_config.alias_of(host.name)) for host in hosts}


def logins_of(lab: Lab, plan: Plan, student: Student, hosts: Mapping[str, ReachedHost]) -> tuple[Login, ...]:
    """A student's logins: the guest first, then the containers by name.

    :param hosts: by the inventory's name; those of the student's machines at least.
    """
    guests = [_guest(lab, guest, hosts[guest.host]) for guest in plan.guests if guest.student == student]
    containers = [
        _container(lab, container, hosts[container.host])
        for container in plan.containers
        if container.student == student
    ]
    return (*guests, *sorted(containers, key=lambda login: login.machine))


def _guest(lab: Lab, guest: Guest, host: ReachedHost) -> Login:
    address = str(guest.address.ip)
    return Login(
        machine=guest.name,
        tp_image=None,
        user=guest.student.login,
        shown=address,
        hostname=address,
        port=SSH_PORT,
        host_key=_key(guest_host_key(lab.name, guest.name)),
        jump=_jump(lab, host) if leads_to_guests(lab.kvm_host(guest.host)) else None,
    )


def _container(lab: Lab, container: Container, host: ReachedHost) -> Login:
    jump = _jump(lab, host) if leads_to_containers(lab.container_host(container.host)) else None
    seen = host.alias if jump else host.hostname
    return Login(
        machine=container.name,
        tp_image=container.tp_image,
        user=TP_USER,
        shown=f"{_bracketed(seen)}:{container.ssh_port}",
        hostname=LOOPBACK if jump else host.hostname,
        port=container.ssh_port,
        host_key=_key(container_host_key(lab.name, container.name)),
        jump=jump,
    )


def _jump(lab: Lab, host: ReachedHost) -> Jump:
    account = jump_account(lab.name)
    return Jump(f"{account}-{host.alias}", account, host)


def _key(pair: KeyPair) -> str:
    return " ".join(pair.public.split()[:2])


def _bracketed(hostname: str) -> str:
    return f"[{hostname}]" if ":" in hostname else hostname


def _reached(config: Path, alias: str) -> ReachedHost:
    said = _answer("ssh", "-G", "-F", str(config), alias)
    if said is None:
        raise LabError(
            f"{alias}: ssh cannot read its own configuration for it",
            next_step=f"correct what this says: ssh -G -F '{config}' {alias}",
        )
    options = dict(line.partition(" ")[::2] for line in said.splitlines())
    hostname, port = options["hostname"], int(options["port"])
    known_as = options.get("hostkeyalias") or (hostname if port == SSH_PORT else f"[{hostname}]:{port}")
    return ReachedHost(alias, hostname, port, _host_keys(known_as, options["userknownhostsfile"]))


def _host_keys(known_as: str, files: str) -> tuple[str, ...]:
    """The keys in the first of these files that has some.

    :param files: as ``ssh -G`` prints them: between spaces, and unquoted.
    """
    for file in [files] if Path(files).exists() else files.split():
        found = _answer("ssh-keygen", "-F", known_as, "-f", str(Path(file).expanduser())) or ""
        # Neither comments nor what is marked, such as revoked keys.
        lines = [line.split() for line in found.splitlines() if re.match(r"[^#@]", line)]
        if lines:
            return tuple(f"{key_type} {key}" for _, key_type, key, *_ in lines)
    return ()


def _answer(*command: str) -> str | None:
    ended = capture(command, limit=60)
    return ended.output if ended.status == 0 else None
