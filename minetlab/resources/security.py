"""What keeps a host's machines and accounts apart: types, and the parser of what one fact prints. No I/O."""

import json
import re
import xml.etree.ElementTree as ET  # the XML is written by our own host's libvirt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from minetlab.resources import printed

SSH_CONNECTS_AS = "root"
"""An account for which sshd's settings are read; those of the jump account are read beside them."""
MOST_FILES = 20_000
"""How many of the lab's files are looked at on a host; a class of three hundred has some 3000."""
_PROGRAM = re.compile(r'users:\(\("(?P<name>[^"]*)"')
_UPGRADE = re.compile(r"Inst (?P<package>\S+) \[\S+\] \((?P<origin>[^)]*)")
_CHAIN = re.compile(r"\s*chain (?P<name>\S+) \{")


@dataclass(frozen=True)
class Listener:
    """A socket of a host on which a program waits for others.

    :param protocol: ``tcp`` or ``udp``.
    :param address: the address; ``0.0.0.0``, ``[::]`` or ``*`` for all of them, with ``%`` and the interface
        if it is bound to one.
    :param port: the port.
    :param program: the name of the program; empty if the host does not say.
    """

    protocol: str
    address: str
    port: int
    program: str = ""

    @property
    def local(self) -> bool:
        """Whether only the host itself reaches it."""
        return self.address.startswith(("127.", "[::1]", "[::ffff:127."))

    def __str__(self) -> str:
        """Return it as messages name it, such as ``tcp 0.0.0.0:22 (sshd)``."""
        return f"{self.protocol} {self.address}:{self.port} ({self.program or 'unknown'})"


@dataclass(frozen=True)
class FileState:
    """A file or folder of a host.

    :param mode: its permissions.
    :param owner: the number of its user.
    :param changed: when its content or mode was last changed (ctime), in seconds since 1970.
    :param kind: find's letter for its kind: ``f``, ``d``, ``s`` …
    """

    mode: int
    owner: int
    changed: float = 0.0
    kind: str = "f"


@dataclass(frozen=True)
class ProcessState:
    """How the kernel confines a process.

    :param user: the number of its user.
    :param seccomp: its mode of seccomp: 2 if system calls are filtered.
    :param profile: its AppArmor profile and mode, such as ``docker-default (enforce)``.
    """

    user: int
    seccomp: int
    profile: str

    @property
    def enforced(self) -> bool:
        """Whether an AppArmor profile is enforced."""
        return self.profile.endswith("(enforce)")


@dataclass(frozen=True)
class Tap:
    """The interface of a running guest on its host.

    :param device: its name there; empty if the guest has none.
    :param filter: the filter of its libvirt that it is defined with.
    :param address: the address from which that filter lets it send.
    """

    device: str = ""
    filter: str = ""
    address: str = ""


@dataclass(frozen=True)
class SecurityObserved:
    """What keeps the machines and accounts of a host apart.

    :param time: the host's clock, in seconds since 1970.
    :param listeners: all sockets on which programs wait for others.
    :param files: the lab's files on the host, by path.
    :param qemu: how QEMU is confined, by the name of its domain.
    :param taps: the interface of each running domain.
    :param filtered: the interfaces that libvirt filters now.
    :param isolated: whether a port of a bridge reaches no other isolated one, by interface.
    :param dockerd: dockerd's security options.
    :param containers: what ``docker inspect`` says of each container of the lab, by name.
    :param first_processes: how the first process of each of these containers is confined.
    :param icc: whether containers on the lab's network reach each other; None if there is no network.
    :param rules: the lines of each chain of the lab's firewall that the kernel has.
    :param rules_of_file: the same, as the kernel would have them from the lab's file of rules.
    :param sshd: sshd's settings that are in effect, by keyword.
    :param sshd_of_jump: the same, for the jump account.
    :param authorized_keys: the lines of ``authorized_keys`` of accounts with root's rights, by path.
    :param open_to_all: daemons that obey any account of the host: ``docker``, ``libvirt``.
    :param open_sockets: paths of sockets of libvirt to which every account of the host may connect.
    :param root_by_group: accounts that are in a group whose members command a daemon, by group.
    :param upgrades: packages with a newer version in the host's package lists, with the origins of that;
        None: they could not be read.
    :param lists_fetched: when these lists were fetched, in seconds since 1970; None: there are none.
    """

    time: float = 0.0
    listeners: tuple[Listener, ...] = ()
    files: Mapping[str, FileState] = field(default_factory=dict)
    qemu: Mapping[str, ProcessState] = field(default_factory=dict)
    taps: Mapping[str, Tap] = field(default_factory=dict)
    filtered: frozenset[str] = frozenset()
    isolated: Mapping[str, bool] = field(default_factory=dict)
    dockerd: tuple[str, ...] = ()
    containers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    first_processes: Mapping[str, ProcessState] = field(default_factory=dict)
    icc: bool | None = None
    rules: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rules_of_file: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sshd: Mapping[str, str] = field(default_factory=dict)
    sshd_of_jump: Mapping[str, str] = field(default_factory=dict)
    authorized_keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    open_to_all: frozenset[str] = frozenset()
    open_sockets: tuple[str, ...] = ()
    root_by_group: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    upgrades: Mapping[str, str] | None = field(default_factory=dict)
    lists_fetched: float | None = None


def parse(output: Iterable[str]) -> SecurityObserved:
    """Parse the output of :class:`minetlab.facts.security.SecurityState`.

    :param output: lines in sections; a line ``@name`` begins a section, all others begin with a blank.
    :return: what keeps the machines and accounts of the host apart.
    :raises ValueError: a part of it cannot be parsed.
    """
    sections = {name: [line[1:] for line in lines] for name, lines in printed.sections(output).items()}

    def lines(name: str) -> list[str]:
        return [line for line in sections.get(name, []) if line.strip()]

    try:
        containers = {
            container["Name"].lstrip("/"): container for container in map(json.loads, lines("containers"))
        }
        return SecurityObserved(
            time=float(lines("time")[0]),
            listeners=tuple(map(_listener, lines("listeners"))),
            files=dict(map(_file, lines("files"))),
            qemu=dict(map(_process, lines("qemu"))),
            taps=_taps(lines("domains")),
            filtered=frozenset(line.split()[0] for line in lines("filtered")),
            isolated=_isolated("\n".join(lines("ports"))),
            dockerd=tuple(json.loads("".join(lines("dockerd")) or "[]") or ()),
            containers=containers,
            first_processes=dict(map(_process, lines("first-processes"))),
            icc=_icc(lines("network")),
            rules=_chains(lines("rules")),
            rules_of_file=_chains(lines("rules-of-file")),
            sshd=_settings(lines("sshd")),
            sshd_of_jump=_settings(lines("sshd-of-jump")),
            authorized_keys={
                name.removeprefix("keys "): tuple(lines(name))
                for name in sections
                if name.startswith("keys ")
            },
            open_to_all=frozenset(lines("open-to-all")),
            open_sockets=tuple(lines("open-sockets")),
            root_by_group=dict(map(_group, lines("groups"))),
            upgrades=None if "failed" in lines("upgrades") else dict(_upgrades(lines("upgrades"))),
            lists_fetched=float(lines("lists")[0]) if lines("lists") else None,
        )
    except (IndexError, KeyError, TypeError, AttributeError, ET.ParseError) as error:
        raise ValueError(f"the host's answer is incomplete: {error!r}") from error


def _listener(line: str) -> Listener:
    protocol, _, _, _, local, *_ = line.split()
    address, _, port = local.rpartition(":")
    program = _PROGRAM.search(line)
    return Listener(protocol, address, int(port), program["name"] if program else "")


def _file(line: str) -> tuple[str, FileState]:
    mode, owner, changed, kind, path = line.split(" ", 4)
    return path, FileState(int(mode, 8), int(owner), float(changed), kind)


def _process(line: str) -> tuple[str, ProcessState]:
    name, user, seccomp, *profile = line.split(" ", 3)
    return name, ProcessState(int(user), int(seccomp), "".join(profile))


def _taps(xml: list[str]) -> dict[str, Tap]:
    root = ET.fromstring("\n".join(["<all>", *xml, "</all>"]))  # noqa: S314 (our host's libvirt)
    taps = {}
    for domain in root.iterfind("domain"):
        interface = domain.find("devices/interface")
        if interface is None:
            interface = ET.Element("interface")
        taps[domain.findtext("name", "")] = Tap(
            device=_attribute(interface, "target", "dev"),
            filter=_attribute(interface, "filterref", "filter"),
            address=_attribute(interface, "filterref/parameter[@name='IP']", "value"),
        )
    return taps


def _attribute(element: ET.Element, path: str, name: str) -> str:
    child = element.find(path)
    return "" if child is None else child.get(name, "")


def _isolated(text: str) -> dict[str, bool]:
    ports = json.loads(text or "[]")
    return {port["ifname"]: bool(port.get("isolated")) for port in ports if "ifname" in port}


def _icc(options: list[str]) -> bool | None:
    if not options:
        return None
    return bool(json.loads(options[0]).get("com.docker.network.bridge.enable_icc") != "false")


def _chains(lines: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the rules of each chain; sets are left out, as the kernel fills them."""
    chains: dict[str, list[str]] = {}
    rules: list[str] | None = None
    family = ""
    for line in lines:
        if line.startswith("table "):
            family = line.split()[1]
        elif chain := _CHAIN.fullmatch(line):
            rules = chains.setdefault(f"{family} {chain['name']}", [])
        elif line.strip() == "}":
            rules = None
        elif rules is not None:
            rules.append(line.strip())
    return {name: tuple(of_chain) for name, of_chain in chains.items()}


def _settings(lines: Iterable[str]) -> dict[str, str]:
    """Return sshd's settings; of a keyword that has several lines, the first."""
    settings: dict[str, str] = {}
    for line in lines:
        keyword, _, value = line.partition(" ")
        settings.setdefault(keyword, value)
    return settings


def _group(line: str) -> tuple[str, tuple[str, ...]]:
    name, _, _, members = line.split(":", 3)
    return name, tuple(filter(None, members.split(",")))


def _upgrades(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        if upgrade := _UPGRADE.match(line):
            yield upgrade["package"], upgrade["origin"]
