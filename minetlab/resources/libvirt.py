"""What libvirt has on a host: the types, and the parser of what one fact prints. No I/O."""

import xml.etree.ElementTree as ET  # the XML is written by our own host's libvirt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from minetlab.resources import printed
from minetlab.resources.units import drop_in

SOCKET_UNITS = ("libvirtd.socket", "libvirtd-ro.socket")
"""systemd's units of the sockets that libvirt's packages leave open to every account of a host."""
METADATA = "urn:minet-lab:1"
"""The XML namespace of the lab's label in libvirt's ``<metadata>``."""

Sections: TypeAlias = dict[str, list[str]]
"""The lines of each section of the fact's output, by the section's name."""


@dataclass(frozen=True)
class Label:
    """The lab's label on a domain or network: ``spec`` is a hash of the XML from which it was defined.

    Both are empty if no lab defined it.
    """

    lab: str = ""
    spec: str = ""


@dataclass(frozen=True)
class Reservation:
    """An address that the network's DHCP server reserves for a guest."""

    mac: str
    name: str
    address: str


@dataclass(frozen=True)
class ObservedNetwork:
    """A libvirt network."""

    label: Label = Label()
    active: bool = False
    autostart: bool = False
    reservations: frozenset[Reservation] = frozenset()


@dataclass(frozen=True)
class Pool:
    """A libvirt storage pool; ``path`` is its folder."""

    path: str = ""
    active: bool = False
    autostart: bool = False


@dataclass(frozen=True)
class Volume:
    """A volume of the lab's pool; only the name of a seed is read.

    :param name: the volume's name.
    :param capacity: size in bytes, as a guest sees it.
    :param backing: path of the file that it is an overlay of; empty if it is no overlay.
    :param allocation: bytes that it takes of the host's disk.
    """

    name: str
    capacity: int = 0
    backing: str = ""
    allocation: int = 0


@dataclass(frozen=True)
class Domain:
    """A libvirt domain.

    :param name: the domain's name.
    :param uuid: the domain's UUID.
    :param type: ``kvm``, or ``qemu`` if it is emulated.
    :param label: the label by which a lab recognizes it.
    :param active: whether it runs.
    :param autostart: whether it starts with the host.
    :param macs: MAC addresses of its interfaces, in lower case.
    """

    name: str
    uuid: str
    type: str = "kvm"
    label: Label = Label()
    active: bool = False
    autostart: bool = False
    macs: tuple[str, ...] = ()


@dataclass(frozen=True)
class LibvirtObserved:
    """Everything on a KVM host that operations compare with what is desired.

    :param installed: whether the host has ``virsh``.
    :param answers: whether libvirtd answers; if not, the networks and all after them are empty.
    :param services: systemd units of libvirt that are enabled and active.
    :param socket_units: the lines of our files on the units of its sockets.
    :param open_sockets: paths of its sockets to which every account of the host may connect.
    :param memory: MiB that new processes can have.
    :param disk: MiB free where volumes are.
    :param owner: the lab that the label in the lab's folder names; None if there is no label.
    :param files: paths of the lab's files and folders outside libvirt that exist.
    :param networks: all networks of the host, by name.
    :param pools: all pools of the host, by name.
    :param volumes: volumes of the lab's pool, by name.
    :param domains: all domains of the host, by name.
    """

    installed: bool = False
    answers: bool = False
    services: frozenset[str] = frozenset()
    socket_units: tuple[str, ...] = ()
    open_sockets: frozenset[str] = frozenset()
    memory: int = 0
    disk: int = 0
    owner: str | None = None
    files: tuple[str, ...] = ()
    networks: Mapping[str, ObservedNetwork] = field(default_factory=dict)
    pools: Mapping[str, Pool] = field(default_factory=dict)
    volumes: Mapping[str, Volume] = field(default_factory=dict)
    domains: Mapping[str, Domain] = field(default_factory=dict)

    @property
    def silent(self) -> bool:
        """Whether libvirt is installed but does not answer, so that nothing is known of what it has."""
        return self.installed and not self.answers

    def domains_of(self, lab: str) -> tuple[Domain, ...]:
        """Return the domains that have the lab's label."""
        return tuple(domain for domain in self.domains.values() if domain.label.lab == lab)

    def runs(self, name: str) -> bool:
        """Tell whether a domain of that name exists and runs."""
        return name in self.domains and self.domains[name].active


def socket_file(unit: str) -> str:
    """Return the path of our file on the unit of a socket: systemd.unit(5), drop-ins."""
    return drop_in(unit)


def parse(output: Iterable[str]) -> LibvirtObserved:
    """Parse the output of :class:`minetlab.facts.libvirt.LibvirtState`.

    :param output: lines in sections; a line ``@name`` begins a section.
    :return: what the host's libvirt has.
    :raises ValueError: the XML or a number in it cannot be parsed.
    """
    sections = printed.sections(line.rstrip() for line in output if line.strip())
    try:
        root = ET.fromstring("\n".join(["<all>", *sections.get("xml", []), "</all>"]))  # noqa: S314
    except ET.ParseError as error:
        raise ValueError(f"libvirt's XML cannot be read: {error}") from error
    networks, pools = root.iterfind("network"), root.iterfind("pool")
    # The list names all volumes, the XML describes those that are no seeds: these replace the former below.
    listed = [Volume(line.split()[0]) for line in sections.get("volumes", [])]
    volumes = [*listed, *(_volume(element) for element in root.iterfind("volume"))]
    domains = [_domain(element, sections) for element in root.iterfind("domain")]
    return LibvirtObserved(
        installed="installed" in sections,
        answers="domains" in sections,
        services=_services(sections.get("services", [])),
        socket_units=tuple(sections.get("socket-units", [])),
        open_sockets=frozenset(sections.get("open-sockets", [])),
        memory=int(_first(sections, "memory", "0")),
        disk=int(_first(sections, "disk", "0")),
        owner=_first(sections, "owner", "") or None,
        files=tuple(sections.get("files", [])),
        networks={network.findtext("name", ""): _network(network, sections) for network in networks},
        pools={pool.findtext("name", ""): _pool(pool, sections) for pool in pools},
        volumes={volume.name: volume for volume in volumes},
        domains={domain.name: domain for domain in domains},
    )


def _first(sections: Sections, name: str, default: str) -> str:
    return next(iter(sections.get(name, [])), default).strip()


def _services(lines: list[str]) -> frozenset[str]:
    """Return the units of ``systemctl show`` that are active and enabled."""
    # A key that the present unit has already belongs to the next unit.
    units: list[dict[str, str]] = []
    for line in lines:
        key, _, value = line.partition("=")
        if not units or key in units[-1]:
            units.append({})
        units[-1][key] = value
    up = {"ActiveState": "active", "UnitFileState": "enabled"}
    return frozenset(unit["Id"] for unit in units if up.items() <= unit.items())


def _label(element: ET.Element) -> Label:
    label = element.find(f"metadata/{{{METADATA}}}label")
    return Label() if label is None else Label(label.get("lab", ""), label.get("spec", ""))


def _network(element: ET.Element, sections: Sections) -> ObservedNetwork:
    uuid = element.findtext("uuid", "")
    return ObservedNetwork(
        label=_label(element),
        active=uuid in sections.get("networks-active", []),
        autostart=uuid in sections.get("networks-autostart", []),
        reservations=frozenset(
            Reservation(host.get("mac", "").lower(), host.get("name", ""), host.get("ip", ""))
            for host in element.iterfind("ip/dhcp/host")
        ),
    )


def _pool(element: ET.Element, sections: Sections) -> Pool:
    uuid = element.findtext("uuid", "")
    return Pool(
        path=element.findtext("target/path", ""),
        active=uuid in sections.get("pools-active", []),
        autostart=uuid in sections.get("pools-autostart", []),
    )


def _volume(element: ET.Element) -> Volume:
    return Volume(
        name=element.findtext("name", ""),
        capacity=int(element.findtext("capacity", "0")),
        backing=element.findtext("backingStore/path", ""),
        allocation=int(element.findtext("allocation", "0")),
    )


def _domain(element: ET.Element, sections: Sections) -> Domain:
    uuid = element.findtext("uuid", "")
    return Domain(
        name=element.findtext("name", ""),
        uuid=uuid,
        type=element.get("type", ""),
        label=_label(element),
        active=uuid in sections.get("domains-active", []),
        autostart=uuid in sections.get("domains-autostart", []),
        macs=tuple(mac.get("address", "").lower() for mac in element.iterfind("devices/interface/mac")),
    )
