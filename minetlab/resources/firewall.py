"""The lab's firewall on a host: what its machines may reach on the host, and beyond it. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network

from minetlab.lab import BridgedNetwork, KvmHost, Lab
from minetlab.lab.settings import Egress
from minetlab.plan import Plan
from minetlab.resources.docker import CONTAINER_SSH_PORT, docker_bridge
from minetlab.resources.jump import HOST_SSH_PORT
from minetlab.resources.layout import Layout
from minetlab.resources.units import UNITS

MAX_CONNECTIONS = 200
"""How many connections through the host each machine may have at a time."""
MAX_QUESTIONS, MAX_CONVERSATIONS = 60, 4
"""How many questions to its DNS server a guest may have at a time, and how many connections to it."""
MAX_LOGINS = 64
"""How many connections a host may have to the sshd of one machine: channels of the jump account."""
MAX_VISITS = 600
"""How many connections an address may have to containers of a host; a class may be behind one address."""
FOLDER = "/etc/minet-lab"
OPEN = "open"
"""The value of the setting ``egress`` with which machines may reach everything beyond their host."""


@dataclass(frozen=True)
class Segment:
    """The machines of the lab behind one bridge of a host.

    :param bridge: the bridge.
    :param egress: what they may reach beyond the host.
    :param gateway: the host's address there, which answers DNS and DHCP; empty if it answers neither.
    :param clients: the MAC addresses of those that may ask it by DHCP, each for itself.
    :param machines: where the bridge is that of the host, with other machines as well: the addresses of ours,
        by MAC address; otherwise empty.
    :param nameservers: the DNS servers that they then use.
    :param sandbox: whether the host is one of the sandbox.
    :param bandwidth: what each machine may send beyond the host, and receive from there, in Mbit/s; 0: any.
    :param ssh_port: the port on which their sshd answers.
    """

    bridge: str
    egress: Egress
    gateway: str = ""
    clients: tuple[str, ...] = ()
    machines: Mapping[str, str] = field(default_factory=dict)
    nameservers: tuple[str, ...] = ()
    sandbox: bool = False
    bandwidth: int = 0
    ssh_port: int = HOST_SSH_PORT

    @property
    def bytes_per_second(self) -> int:
        """The bandwidth in bytes per second."""
        return self.bandwidth * 1_000_000 // 8

    @property
    def refused(self) -> tuple[str, ...]:
        """Networks that its machines never reach: of clouds' metadata, and of the sandbox's QEMU."""
        # In the latter, 10.0.2.2 stands for the loopback interface of the machine where the lab is run from.
        return ("169.254.0.0/16", *(["10.0.2.0/24"] if self.sandbox else []))

    @property
    def open(self) -> bool:
        """Whether its machines may reach everything beyond the host but other machines of labs."""
        return self.egress == OPEN

    @property
    def networks(self) -> tuple[str, ...]:
        """The networks and addresses that its machines may reach."""
        return (
            ()
            if self.open
            else tuple(str(target) for target in self.egress if isinstance(target, IPv4Network))
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The DNS names that its machines may reach."""
        return () if self.open else tuple(target for target in self.egress if isinstance(target, str))


@dataclass(frozen=True)
class FirewallSpec:
    """The lab's firewall on a host, as desired.

    :param lab: the lab's name.
    :param files: content of its files, by path.
    :param digest: hash of the rules, which is in them.
    """

    lab: str
    files: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""

    @property
    def units(self) -> frozenset[str]:
        """The units that systemd has to start at boot."""
        paths = {f"{UNITS}/{unit}": unit for unit in (service(self.lab), timer(self.lab))}
        return frozenset(unit for path, unit in paths.items() if path in self.files)


@dataclass(frozen=True)
class FirewallObserved:
    """What a host has of the lab's firewall.

    :param files: content of our files, by path.
    :param enabled: our units that systemd starts at boot: of the service and the timer.
    :param loaded: the digest of the rules that the kernel has; empty if it has none of ours.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    enabled: frozenset[str] = frozenset()
    loaded: str = ""


def segments(lab: Lab, plan: Plan, host: str) -> tuple[Segment, ...]:
    """Return the segments of a lab on a host: that of its guests, and that of its containers."""
    of_guests = (_of_guests(lab, plan, kvm_host) for kvm_host in lab.kvm_hosts if kvm_host.name == host)
    of_containers = (
        Segment(
            docker_bridge(lab.name),
            container_host.settings.egress,
            sandbox=container_host.in_sandbox,
            bandwidth=container_host.settings.container.bandwidth,  # libvirt limits guests
            ssh_port=CONTAINER_SSH_PORT,
        )
        for container_host in lab.container_hosts
        if container_host.name == host
    )
    return (*(segment for segment in of_guests if segment), *of_containers)


def _of_guests(lab: Lab, plan: Plan, host: KvmHost) -> Segment | None:
    """Return the segment of a host's guests; None if there is none: a bridge of the host without guests."""
    network, egress, sandbox = host.settings.guest_network, host.settings.egress, host.in_sandbox
    machines = {guest.mac: str(guest.address.ip) for guest in plan.guests_on(host.name)}
    if not isinstance(network, BridgedNetwork):
        bridge, gateway = Layout(lab.name).bridge, str(network.gateway)
        return Segment(bridge, egress, gateway=gateway, clients=tuple(machines), sandbox=sandbox)
    nameservers = tuple(map(str, network.nameservers))
    segment = Segment(network.bridge, egress, machines=machines, nameservers=nameservers, sandbox=sandbox)
    return segment if machines else None


def table(lab: str) -> str:
    """Return the name of the lab's table in nftables, which is also that of its service in systemd."""
    return f"minet-lab-{lab}"


def rules_file(lab: str) -> str:
    """Return the path of the file with the lab's rules."""
    return f"{FOLDER}/{lab}.nft"


def names_script(lab: str) -> str:
    """Return the path of the script that looks up the names which machines may reach."""
    return f"{FOLDER}/{lab}-names.sh"


def service(lab: str) -> str:
    """Return the name of the unit that loads the rules."""
    return f"{table(lab)}.service"


def timer(lab: str) -> str:
    """Return the name of the unit that has names looked up again and again."""
    return f"{table(lab)}-names.timer"


def files(lab: str) -> tuple[str, ...]:
    """Return the paths of all files that the firewall of a lab may have."""
    units = (service(lab), f"{table(lab)}-names.service", timer(lab))
    return (rules_file(lab), names_script(lab), *(f"{UNITS}/{unit}" for unit in units))
