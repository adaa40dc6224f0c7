"""What a host's ports answer, seen from the host, from this machine and from the lab's machines. No I/O."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from minetlab.audit.weaknesses import AuditedHost, Look, Weight
from minetlab.lab import NatNetwork
from minetlab.plan.allocation import Container, Guest
from minetlab.resources.docker import CONTAINER_SSH_PORT
from minetlab.resources.jump import HOST_SSH_PORT
from minetlab.resources.security import Listener

MOST_PORTS = 32
"""How many ports of a host are tried from this machine."""
MOST_TARGETS = 16
"""How many ports of its host each machine of a student tries."""
NEIGHBOURS = 2
"""How many of its neighbours each of them tries."""
COMMANDERS = frozenset({"dockerd", "libvirtd", "virtproxyd", "virtqemud"})
"""Programs that do as root what they are asked for; over TCP, anybody asks."""
CLIENTS = frozenset({("udp", 68), ("udp", 546)})
"""Ports on which the host itself is given addresses, by DHCP."""
EVERY_ADDRESS = frozenset({"0.0.0.0", "[::]", "*"})  # noqa: S104 (compared only)
DNS_PORT = 53


@dataclass(frozen=True)
class Attempt:
    """What a student's machine tries to reach.

    :param machine: the machine.
    :param targets: what it must not reach, each as ``ADDRESS/PORT``.
    """

    machine: Guest | Container
    targets: tuple[str, ...]


def listeners(host: AuditedHost) -> Iterator[Look]:
    """Yield sockets on which the lab has nobody wait."""
    for listener in host.security.listeners:
        if listener.protocol == "tcp" and listener.program in COMMANDERS:
            yield (
                Weight.HIGH,
                f"{listener} obeys whoever connects, with root's rights",
                f"on {host.alias}: have it listen on its Unix socket only",
            )
        elif not listener.local and not _planned(host, listener):
            seen = listener.protocol == "tcp" and listener.port in host.reached
            yield (
                Weight.MEDIUM if seen else Weight.LOW,
                f"{listener} is not the lab's{', and answers this machine' if seen else ''}",
                f"on {host.alias}: end the program, or have it listen on 127.0.0.1 only",
            )


def ports_to_try(host: AuditedHost) -> tuple[int, ...]:
    """Return the ports of a host for this machine to try; none of a sandbox host, which shows only one."""
    strange = {
        listener.port
        for listener in host.security.listeners
        if listener.protocol == "tcp" and not listener.local and not _planned(host, listener)
    }
    return () if host.in_sandbox else tuple(sorted(strange))[:MOST_PORTS]


def _planned(host: AuditedHost, listener: Listener) -> bool:
    if listener.program == "dnsmasq":
        return listener.address not in EVERY_ADDRESS
    if listener.protocol != "tcp":
        return (listener.protocol, listener.port) in CLIENTS
    if listener.port in {HOST_SSH_PORT, int(host.security.sshd.get("port", HOST_SSH_PORT))}:
        return True
    if host.container is None:
        return False
    planned = {container.ssh_port for container in host.containers} | {host.container.site_port}
    address = host.container.published_on
    return listener.port in planned and (address is None or listener.address == str(address))


def attempts(host: AuditedHost) -> Iterator[Attempt]:
    """Yield what each running machine of a host is to try."""
    running = [guest for guest in host.guests if guest.name in host.security.taps]
    network = host.kvm.guest_network if host.kvm else None
    of_host = _ports_at(host, str(network.gateway)) if isinstance(network, NatNetwork) else ()
    addresses = {guest.name: f"{guest.address.ip}/{HOST_SSH_PORT}" for guest in running}
    for guest in running:
        yield Attempt(guest, (*of_host, *_neighbours(guest.name, addresses)))
    attached = {name: _attachment(host, name) for name in host.security.containers}
    addresses = {
        name: f"{place['IPAddress']}/{CONTAINER_SSH_PORT}"
        for name, place in attached.items()
        if place.get("IPAddress")
    }
    for container in host.containers:
        if container.name in addresses:
            of_host = _ports_at(host, str(attached[container.name].get("Gateway", "")))
            yield Attempt(container, (*of_host, *_neighbours(container.name, addresses)))


def _ports_at(host: AuditedHost, address: str) -> tuple[str, ...]:
    """Return the host's TCP ports at one of its addresses, but for DNS, those of the lab last."""
    there = [
        listener
        for listener in host.security.listeners
        if listener.protocol == "tcp" and listener.address in {address, *EVERY_ADDRESS}
    ]
    ports = dict.fromkeys(
        listener.port
        for listener in sorted(there, key=lambda listener: listener.program == "docker-proxy")
        if listener.port != DNS_PORT
    )
    return tuple(f"{address}/{port}" for port in ports)[:MOST_TARGETS] if address else ()


def _neighbours(name: str, addresses: Mapping[str, str]) -> tuple[str, ...]:
    """Return the addresses of the machines that come after one, in turn."""
    names = sorted(addresses)
    place = names.index(name)
    others = [*names[place + 1 :], *names[:place]]
    return tuple(addresses[other] for other in others[:NEIGHBOURS])


def _attachment(host: AuditedHost, container: str) -> Mapping[str, str]:
    networks = host.security.containers[container].get("Networks") or {}
    return networks.get(host.lab.name) or {}


def command(targets: Iterable[str]) -> str:
    """Return a command for a student's machine: it prints ``asked``, then the targets that it reaches."""
    one = 'timeout 5 bash -c \'exec 3<>"/dev/tcp/$0"\' "$target" 2>/dev/null && echo "$target"'
    words = " ".join(targets)  # addresses and ports only
    return f"command -v bash >/dev/null && echo asked; for target in {words}; do {{ {one}; }} & done; wait"


def reached(attempt: Attempt, output: str) -> tuple[str, ...] | None:
    """Return which of the targets a machine says that it reaches; None if it did not try.

    :param attempt: what it was to try.
    :param output: what it printed: a machine of a student can lie, but name nothing else.
    :return: the targets.
    """
    lines = set(output.split())
    return tuple(target for target in attempt.targets if target in lines) if "asked" in lines else None


def from_inside(targets: Iterable[str]) -> Iterator[Look]:
    """Yield what a student's machine reaches, and must not."""
    for target in targets:
        address, _, port = target.partition("/")
        yield (
            Weight.HIGH,
            f"it reaches port {port} of {address}",
            "run lab up, which loads the firewall; see nft list ruleset on its host",
        )
