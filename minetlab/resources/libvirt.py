"""What libvirt has on a host, as observed in bulk: the types, and the parser of the fact's output."""

import xml.etree.ElementTree as ET  # the XML is written by our own host's libvirt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

METADATA = "urn:minet-lab:1"
"""The XML namespace of the lab's label in libvirt's ``<metadata>``."""

Sections: TypeAlias = dict[str, list[str]]


@dataclass(frozen=True)
class Label:
    """Whose a domain or network is, and the hash of the XML it was defined from."""

    lab: str
    spec: str


@dataclass(frozen=True)
class Reservation:
    """One address that the network's DHCP server keeps for a guest."""

    mac: str
    name: str
    address: str


@dataclass(frozen=True)
class ObservedNetwork:
    """A libvirt network."""

    name: str
    label: Label | None = None
    active: bool = False
    autostart: bool = False
    reservations: frozenset[Reservation] = frozenset()


@dataclass(frozen=True)
class Pool:
    """A libvirt storage pool; ``path`` is its folder."""

    name: str
    path: str = ""
    active: bool = False
    autostart: bool = False


@dataclass(frozen=True)
class Volume:
    """A volume of the lab's pool; of a seed, only the name is known.

    :param capacity: bytes, as the guest sees it.
    :param backing: path of the file it is an overlay of.
    :param allocation: bytes that it takes of the host's disk.
    """

    name: str
    capacity: int = 0
    backing: str | None = None
    allocation: int = 0


@dataclass(frozen=True)
class Domain:
    """A libvirt domain.

    :param type: ``kvm``, or ``qemu`` for an emulated one.
    """

    name: str
    uuid: str
    type: str = "kvm"
    label: Label | None = None
    active: bool = False
    autostart: bool = False
    macs: tuple[str, ...] = ()


@dataclass(frozen=True)
class LibvirtObserved:
    """All that the operations on a KVM host compare with what is desired.

    :param installed: whether there is a ``virsh``; ``answers``: whether libvirtd answers it.
    :param services: units that are both enabled and active.
    :param memory: MiB that new processes can have.
    :param disk: MiB free where volumes are.
    :param owner: the lab named in the label of our folder.
    :param files: which of the lab's files and folders outside libvirt exist.
    """

    installed: bool = False
    answers: bool = False
    services: frozenset[str] = frozenset()
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
        """Whether libvirt is there and does not answer, so that nothing is known of what it has."""
        return self.installed and not self.answers

    def domains_of(self, lab: str) -> tuple[Domain, ...]:
        """The domains that carry the lab's label."""
        return tuple(each for each in self.domains.values() if each.label and each.label.lab == lab)

    def runs(self, name: str) -> bool:
        """Whether there is a domain of that name, and it runs."""
        return name in self.domains and self.domains[name].active


def parse(output: Iterable[str]) -> LibvirtObserved:
    """Read the output of :class:`minetlab.facts.libvirt.LibvirtState`.

    :raises ValueError: it is not what that fact's command prints.
    """
    sections = _sections(output)
    try:
        root = ET.fromstring("\n".join(["<all>", *sections.get("xml", []), "</all>"]))  # noqa: S314
    except ET.ParseError as error:
        raise ValueError(f"libvirt's XML cannot be read: {error}") from error
    networks = [_network(each, sections) for each in root.iterfind("network")]
    pools = [_pool(each, sections) for each in root.iterfind("pool")]
    named = [Volume(line.split()[0]) for line in sections.get("volumes", [])]
    volumes = [*named, *(_volume(each) for each in root.iterfind("volume"))]
    domains = [_domain(each, sections) for each in root.iterfind("domain")]
    return LibvirtObserved(
        installed="installed" in sections,
        answers="domains" in sections,
        services=_services(sections.get("services", [])),
        memory=int(_first(sections, "memory", "0")),
        disk=int(_first(sections, "disk", "0")),
        owner=_first(sections, "owner", "") or None,
        files=tuple(sections.get("files", [])),
        networks={each.name: each for each in networks},
        pools={each.name: each for each in pools},
        volumes={each.name: each for each in volumes},
        domains={each.name: each for each in domains},
    )


def _sections(output: Iterable[str]) -> Sections:
    """Lines after ``@name`` belong to that section; blank ones to none."""
    sections: Sections = {}
    lines: list[str] = []
    for line in output:
        if line.startswith("@"):
            lines = sections.setdefault(line[1:].strip(), [])
        elif line.strip():
            lines.append(line.rstrip())
    return sections


def _first(sections: Sections, name: str, default: str) -> str:
    return next(iter(sections.get(name, [])), default).strip()


def _services(lines: list[str]) -> frozenset[str]:
    """Units of ``systemctl show``: each begins where a key comes again."""
    units: list[dict[str, str]] = []
    for line in lines:
        key, _, value = line.partition("=")
        if not units or key in units[-1]:
            units.append({})
        units[-1][key] = value
    up = {"ActiveState": "active", "UnitFileState": "enabled"}
    return frozenset(unit["Id"] for unit in units if up.items() <= unit.items())


def _label(element: ET.Element) -> Label | None:
    found = element.find(f"metadata/{{{METADATA}}}label")
    return None if found is None else Label(found.get("lab", ""), found.get("spec", ""))


def _network(element: ET.Element, sections: Sections) -> ObservedNetwork:
    uuid = element.findtext("uuid", "")
    return ObservedNetwork(
        name=element.findtext("name", ""),
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
        name=element.findtext("name", ""),
        path=element.findtext("target/path", ""),
        active=uuid in sections.get("pools-active", []),
        autostart=uuid in sections.get("pools-autostart", []),
    )


def _volume(element: ET.Element) -> Volume:
    return Volume(
        name=element.findtext("name", ""),
        capacity=int(element.findtext("capacity", "0")),
        backing=element.findtext("backingStore/path"),
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
