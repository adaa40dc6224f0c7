"""The settings that an administrator writes in ``inventories/group_data/``, one class for each file."""

from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Literal

from pydantic import Field, PositiveInt, StringConstraints, ValidationInfo, field_validator, model_validator

from minetlab.lab.base import Address, Frozen, Listed, Network

# The lab's bridge is "vbr-<lab>", and Linux cuts interface names at 15 characters (IFNAMSIZ, if.h).
LabName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,9}$")]
InterfaceName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,14}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Sha512 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
Capacity = Annotated[int, Field(ge=0)] | None
DnsName = Annotated[str, StringConstraints(pattern=r"^([a-z0-9][a-z0-9-]{0,62}\.)+[a-z][a-z0-9-]{0,62}$")]
Egress = Literal["open"] | Listed[Network | DnsName]
"""What machines may reach beyond their host: IPv4 networks, addresses and DNS names; or everything."""
MAX_MEMORY = 1024 * 1024


class LabSettings(Frozen):
    """The settings of the whole lab, from ``group_data/all.py``.

    :param lab_name: the prefix of every name that the lab creates, so that two labs can share a host.
    :param roster: the path of the students' CSV file; a relative path starts at the working directory.
    :param require_kvm: refuse guests without hardware virtualization instead of emulating them: QEMU's
        developers do not promise that emulation keeps a guest in.
    :param student_networks: the IPv4 networks from which students come; without any, they come from anywhere.
    """

    lab_name: LabName
    roster: Annotated[str, StringConstraints(min_length=1)]
    require_kvm: bool = True
    student_networks: Listed[Network] = ()


class _GuestSubnet(Frozen):
    """The guests' IPv4 subnet.

    :param subnet: the subnet; its prefix length goes into the guests' own addresses.
    :param reserved: how many of its first addresses are left to gateways and infrastructure.
    """

    subnet: Network
    reserved: int = Field(default=15, ge=1)

    @model_validator(mode="after")
    def has_room_for_guests(self) -> "_GuestSubnet":
        """Refuse a subnet so small that no guest address is left."""
        if self.subnet.num_addresses - 2 <= self.reserved:
            raise ValueError(f"{self.subnet} has no address left for guests; use a /24 or wider")
        return self


class NatNetwork(_GuestSubnet):
    """A libvirt network of the lab behind NAT; its gateway is the first address of the subnet."""

    mode: Literal["nat"] = "nat"
    nameservers: Listed[Address] = ()

    @property
    def gateway(self) -> IPv4Address:
        """The address of the host on the network; a DNS server answers there too."""
        return self.subnet[1]


class BridgedNetwork(_GuestSubnet):
    """An existing bridge of the host; it puts the guests on the campus network, with the plan's addresses."""

    mode: Literal["bridge"]
    bridge: InterfaceName
    gateway: Address
    nameservers: Listed[Address] = Field(min_length=1)


GuestNetwork = Annotated[NatNetwork | BridgedNetwork, Field(discriminator="mode")]


class GuestSize(Frozen):
    """The resources of one guest.

    :param memory: memory in MiB.
    :param cores: virtual CPUs, as cores of one socket with one thread each; the course shows 4 (C16).
    :param disk: size of the thin-provisioned root disk in GiB.
    :param cpus: how many of the host's processors it may use at most; None: as many as it has cores.
    :param iops: how many times per second it may read from or write to its disk.
    :param bandwidth: what it may send, and what it may receive, in Mbit/s.
    """

    memory: int = Field(default=1024, ge=256, le=MAX_MEMORY)
    cores: int = Field(default=4, ge=1, le=64)
    disk: int = Field(default=8, ge=3, le=4096)
    cpus: float | None = Field(default=None, ge=0.1, le=64)
    iops: int = Field(default=2000, ge=50, le=10**6)
    bandwidth: int = Field(default=100, ge=1, le=10**5)


class DebianImage(Frozen):
    """A guest image built on this machine from Debian packages; ``debian`` is the release."""

    debian: Literal[12, 13] = 13


class UrlImage(Frozen):
    """A guest image fetched from a URL, such as an official cloud image, and verified by its checksum.

    :param url: starts with ``https://``, ``http://`` or ``file://``.
    :param sha256: the SHA-256, 64 hexadecimal digits.
    :param sha512: the SHA-512, 128 hexadecimal digits; exactly one of both is required.
    """

    url: Annotated[str, StringConstraints(pattern=r"^(https?|file)://\S+$")]
    sha256: Sha256 | None = None
    sha512: Sha512 | None = None

    @model_validator(mode="after")
    def has_one_checksum(self) -> "UrlImage":
        """Refuse an image without a checksum, or with two."""
        if (self.sha256 is None) == (self.sha512 is None):
            raise ValueError("give exactly one of sha256 and sha512")
        return self

    @property
    def algorithm(self) -> str:
        """The algorithm of the checksum, ``sha256`` or ``sha512``."""
        return "sha256" if self.sha256 else "sha512"

    @property
    def checksum(self) -> str:
        """The checksum, in hexadecimal."""
        return self.sha256 or self.sha512 or ""


GuestImage = DebianImage | UrlImage


class KvmHostSettings(Frozen):
    """The settings of a KVM host, from ``group_data/kvm_hosts.py``.

    :param guest_network: the network of the guests.
    :param guest: the resources of each guest.
    :param guest_image: the image that the guests' root disks are made of.
    :param guest_tps: the TPs that every guest has: folders of ``tp/`` with a ``guest.toml``.
    :param capacity: for how many students at most the host has guests; None: any number.
    :param guests_run: whether guests are started; if not, they are only defined, with disk and seed.
    :param boots_at_once: how many guests boot at the same time; None: as many as the host can carry.
    :param egress: what guests may reach beyond the host.
    """

    guest_network: GuestNetwork = NatNetwork(subnet=IPv4Network("10.77.0.0/24"))
    guest: GuestSize = GuestSize()
    guest_image: GuestImage = DebianImage()
    guest_tps: Listed[Slug] = ()
    capacity: Capacity = None
    guests_run: bool = True
    boots_at_once: PositiveInt | None = None
    egress: Egress = ()

    @field_validator("guest_network", mode="before")
    @classmethod
    def default_to_nat(cls, value: object) -> object:
        """Add ``mode`` to the network if it is left out; NAT is the default."""
        return {"mode": "nat", **value} if isinstance(value, dict) else value

    @field_validator("guest_tps")
    @classmethod
    def go_into_a_built_image(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        """Refuse guest TPs where the guest image is not built on this machine."""
        if value and isinstance(info.data.get("guest_image"), UrlImage):
            raise ValueError(
                "an image that is fetched from a URL cannot hold them; "
                "set guest_tps = [], or guest_image = {'debian': 13}"
            )
        return value


class AddressPool(Frozen):
    """One of dockerd's ``default-address-pools``, from which it cuts Docker networks.

    :param base: the addresses of the pool.
    :param size: the prefix length of each network cut from it.
    """

    base: Network
    size: int = Field(ge=8, le=30)

    @model_validator(mode="after")
    def cuts_networks_from_base(self) -> "AddressPool":
        """Refuse a pool that is smaller than one network."""
        if self.size < self.base.prefixlen:
            raise ValueError(f"networks of /{self.size} cannot be cut from {self.base}")
        return self


class ContainerLimits(Frozen):
    """The limits of one student's container.

    :param memory: memory in MiB; there is no swap on top of it.
    :param pids: the number of processes and threads.
    :param cpus: processors, such as 0.5 of one; None: all, of which containers of a host get equal shares.
    :param files: the number of open files of each process.
    :param disk: the size of its home folder in MiB; all else is read-only, but for a small /tmp in memory.
    :param iops: how many times per second it may read from the host's disks, and write to them.
    :param bandwidth: what it may send beyond its host, and receive from there, in Mbit/s.
    :param capabilities: the Linux capabilities that it keeps; all others are dropped.
    """

    memory: int = Field(default=256, ge=16, le=MAX_MEMORY)
    pids: int = Field(default=128, ge=8, le=32768)
    cpus: float | None = Field(default=1.0, ge=0.05, le=1024)
    files: int = Field(default=1024, ge=64, le=2**20)
    disk: int = Field(default=512, ge=16, le=MAX_MEMORY)
    iops: int = Field(default=500, ge=50, le=10**6)
    bandwidth: int = Field(default=100, ge=1, le=10**5)
    capabilities: Listed[Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z_]+$")]] = ()


class PortRange(Frozen):
    """A range of TCP ports of a host; ``first`` and ``last`` belong to it."""

    first: int = Field(default=20000, ge=1024, le=65535)
    last: int = Field(default=29999, ge=1024, le=65535)

    @model_validator(mode="after")
    def holds_a_port(self) -> "PortRange":
        """Refuse a range that ends before it starts."""
        if self.last < self.first:
            raise ValueError(f"last ({self.last}) is below first ({self.first})")
        return self


class CertificateFiles(Frozen):
    """A TLS certificate that somebody else has signed, in two files of this machine, in PEM.

    :param chain: the file with the certificate, and after it those that lead to its CA.
    :param key: the file with its private key.
    """

    chain: Annotated[str, StringConstraints(min_length=1)]
    key: Annotated[str, StringConstraints(min_length=1)]


class ContainerHostSettings(Frozen):
    """The settings of a container host, from ``group_data/container_hosts.py``.

    :param docker_address_pools: the pools from which dockerd cuts its networks.
    :param tp_images: the TP images, by their folders in ``tp/``; each student has a container of each.
    :param container: the limits of each container.
    :param cpu_weight: how much of the processors all containers of a lab get together when others want them,
        too: systemd.resource-control(5). The host's own services have 100, and guests together, too.
    :param module_autoload: whether the host's kernel loads modules on demand: kmod(8). Before Linux 6.14, a
        container can have it look for modules without end.
    :param ssh_ports: the ports of the host on which containers answer SSH, one for each.
    :param capacity: for how many students at most the host has containers; None: any number.
    :param published_on: the address of the host on which its ports for students answer; None: all of IPv4.
    :param site_port: the port on which the host serves the TP site; 0 or None: it does not serve it.
    :param site_certificate: the site's certificate; None: the lab's own CA signs one.
    :param egress: what containers may reach beyond the host.
    """

    docker_address_pools: Listed[AddressPool] = (AddressPool(base=IPv4Network("10.201.0.0/16"), size=24),)
    tp_images: Listed[Slug] = ("processus",)
    container: ContainerLimits = ContainerLimits()
    cpu_weight: int = Field(default=30, ge=1, le=10_000)
    module_autoload: bool = False
    ssh_ports: PortRange = PortRange()
    capacity: Capacity = None
    published_on: Address | None = None
    site_port: int | None = Field(default=8080, ge=0, le=65535)
    site_certificate: CertificateFiles | None = None
    egress: Egress = ()

    @field_validator("site_port")
    @classmethod
    def is_no_containers_port(cls, value: int | None, info: ValidationInfo) -> int | None:
        """Refuse a port that a student's container could get."""
        ports = info.data.get("ssh_ports")
        if value and ports and ports.first <= value <= ports.last:
            raise ValueError(
                f"{value} is one of ssh_ports ({ports.first} to {ports.last}), the containers' own"
            )
        return value
