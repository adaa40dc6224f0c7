"""The lab: its students, its hosts and their settings."""

from ipaddress import IPv4Network

from minetlab.lab.allocation import Allocation
from minetlab.lab.base import Frozen
from minetlab.lab.settings import ContainerHostSettings, KvmHostSettings
from minetlab.lab.student import Student


class Host(Frozen):
    """A host of the lab.

    :param name: its name in the inventory; a connector may stand before it, as in ``@sandbox/hv1``.
    :param hostname: the DNS name or address to connect to, where it differs from ``name``.
    """

    name: str
    hostname: str | None = None

    @property
    def address(self) -> str:
        """The DNS name or address of the host, without pyinfra's connector."""
        return self.hostname or self.name.rpartition("/")[2]

    @property
    def in_sandbox(self) -> bool:
        """Whether it is a sandbox host; only its sshd can be reached from this machine."""
        return self.name.startswith("@sandbox/")


class KvmHost(Host):
    """A host of the group ``kvm_hosts``."""

    settings: KvmHostSettings


class ContainerHost(Host):
    """A host of the group ``container_hosts``."""

    settings: ContainerHostSettings

    @property
    def site_names(self) -> tuple[str, ...]:
        """The names and addresses under which its TP site is reached, also through a forwarded port."""
        published_on = self.settings.published_on
        addresses = (str(published_on),) if published_on else ()
        return tuple(dict.fromkeys((self.address, *addresses, "localhost", "127.0.0.1")))


class Lab(Frozen):
    """The wanted infrastructure of one session.

    :param name: the prefix of all names that the lab creates on its hosts.
    :param students: the students of the roster.
    :param kvm_hosts: the hosts that run guests.
    :param container_hosts: the hosts that run containers.
    :param require_kvm: whether a KVM host without hardware virtualization is an error.
    :param student_networks: the networks from which students come; none: from anywhere.
    :param allocation: the places that machines were given before, and keep.
    """

    name: str
    students: tuple[Student, ...]
    kvm_hosts: tuple[KvmHost, ...]
    container_hosts: tuple[ContainerHost, ...]
    require_kvm: bool = False
    student_networks: tuple[IPv4Network, ...] = ()
    allocation: Allocation = Allocation()

    @property
    def site_hosts(self) -> tuple[ContainerHost, ...]:
        """The hosts that serve the TP site."""
        return tuple(host for host in self.container_hosts if host.settings.site_port)

    def kvm_host(self, name: str) -> KvmHost:
        """Return the KVM host with this name in the inventory, or raise KeyError."""
        return {host.name: host for host in self.kvm_hosts}[name]

    def container_host(self, name: str) -> ContainerHost:
        """Return the container host with this name in the inventory, or raise KeyError."""
        return {host.name: host for host in self.container_hosts}[name]
