"""How students log into their machines from their own computers, without an admin's key or account."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from minetlab.inventory.hosts import InventoryHost
from minetlab.lab import Lab, Student
from minetlab.plan import Container, Guest, Plan
from minetlab.resources.jump import HOST_SSH_PORT, containers_need_jump, guests_need_jump, jump_account
from minetlab.secrets.keys import KeyPair, container_host_key, guest_host_key
from minetlab.ssh import host_keys, ssh_config
from minetlab.tp.tp_images import TP_USER
from minetlab.util.errors import LabError
from minetlab.util.names import named
from minetlab.util.process import capture

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class ReachedHost:
    """A host, and what SSH needs to reach it.

    :param alias: its name in the lab.
    :param hostname: its name or address for SSH.
    :param port: port of its sshd.
    :param host_keys: the public keys by which it is believed, each as ``type key``; empty: none is known yet.
    """

    alias: str
    hostname: str
    port: int
    host_keys: tuple[str, ...]


@dataclass(frozen=True)
class Jump:
    """A host as a jump host of a student.

    :param alias: its name in the student's SSH configuration.
    :param user: the jump account on it.
    :param host: the host.
    """

    alias: str
    user: str
    host: ReachedHost


@dataclass(frozen=True)
class Login:
    """How a student logs into one of their machines.

    :param machine: name of the machine.
    :param tp_image: TP image of a container; None: the machine is a guest.
    :param user: account on the machine.
    :param shown: address of the machine as the card shows it.
    :param hostname: name or address for SSH; if there is a jump host, as seen from there.
    :param port: port for SSH, likewise.
    :param host_key: public key of the machine, as ``type key``.
    :param jump: the jump host that leads to the machine; None: students reach it directly.
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
        """The login as a URI for SSH clients, such as ``ssh://alice@10.77.0.2``: ssh(1)."""
        port = "" if self.port == HOST_SSH_PORT else f":{self.port}"
        return f"ssh://{self.user}@{_bracketed(self.hostname)}{port}"


def reached_hosts(config: Path, hosts: Sequence[InventoryHost]) -> dict[str, ReachedHost]:
    """Find out how hosts are reached over SSH, and which keys they have.

    OpenSSH itself is asked, as it also reads the administrator's own configuration.

    :param config: the lab's SSH configuration, just written.
    :param hosts: the hosts.
    :return: the hosts, by their names in the inventory.
    :raises LabError: a sandbox host does not run, so that it has no address; or ssh cannot read its
        configuration.
    """
    stopped = [ssh_config.alias_of(host.name) for host in hosts if not ssh_config.has_address(host)]
    if stopped:
        raise LabError(
            f"sandbox hosts that do not run have no address: {named(stopped)}",
            next_step="start them with ./lab up, and run this again",
        )
    return {host.name: _reached(config, ssh_config.alias_of(host.name)) for host in hosts}


def logins_of(lab: Lab, plan: Plan, student: Student, hosts: Mapping[str, ReachedHost]) -> tuple[Login, ...]:
    """Return the logins of a student.

    :param lab: the lab.
    :param plan: its guests and containers.
    :param student: the student.
    :param hosts: how the hosts of the student's machines are reached, by their names in the inventory.
    :return: the logins: first of the guest, then of the containers by name.
    :raises LabError: a host on the way has no key that is known.
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
        port=HOST_SSH_PORT,
        host_key=_type_and_key(guest_host_key(lab.name, guest.name)),
        jump=_jump(lab, host) if guests_need_jump(lab.kvm_host(guest.host)) else None,
    )


def _container(lab: Lab, container: Container, host: ReachedHost) -> Login:
    jump = _jump(lab, host) if containers_need_jump(lab.container_host(container.host)) else None
    shown_host = host.alias if jump else host.hostname
    return Login(
        machine=container.name,
        tp_image=container.tp_image,
        user=TP_USER,
        shown=f"{_bracketed(shown_host)}:{container.ssh_port}",
        hostname=LOOPBACK if jump else host.hostname,
        port=container.ssh_port,
        host_key=_type_and_key(container_host_key(lab.name, container.name)),
        jump=jump,
    )


def _jump(lab: Lab, host: ReachedHost) -> Jump:
    if not host.host_keys:
        raise LabError(
            f"{host.alias}: its SSH host key is not pinned, so students could not tell it from another host",
            next_step="pin it: ./lab check --pin",
        )
    account = jump_account(lab.name)
    return Jump(f"{account}-{host.alias}", account, host)


def _type_and_key(pair: KeyPair) -> str:
    return " ".join(pair.public.split()[:2])


def _bracketed(hostname: str) -> str:
    return f"[{hostname}]" if ":" in hostname else hostname


def _reached(config: Path, alias: str) -> ReachedHost:
    settings = _output("ssh", "-G", "-F", str(config), alias)
    if settings is None:
        raise LabError(
            f"{alias}: ssh cannot read its own configuration for it",
            next_step=f"correct what this says: ssh -G -F '{config}' {alias}",
        )
    options = dict(line.partition(" ")[::2] for line in settings.splitlines())
    hostname, port = options["hostname"], int(options["port"])
    name = options.get("hostkeyalias") or (hostname if port == HOST_SSH_PORT else f"[{hostname}]:{port}")
    # The lab's configuration names one file, whose path may have spaces.
    keys = host_keys.keys_in(Path(options["userknownhostsfile"]), [name])
    return ReachedHost(alias, hostname, port, tuple(key.line for key in keys))


def _output(*command: str) -> str | None:
    result = capture(command, limit=60)
    return result.output if result.status == 0 else None
