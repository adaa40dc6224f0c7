"""The lab: who takes part, on which hosts, with which settings."""

from minetlab.lab.allocation import Allocation
from minetlab.lab.base import Frozen
from minetlab.lab.settings import ContainerHostSettings, KvmHostSettings
from minetlab.lab.student import Student


class Host(Frozen):
    """A host.

    :param name: the inventory's name for it.
    :param hostname: where it is found, if not under that name.
    """

    name: str
    hostname: str | None = None

    @property
    def address(self) -> str:
        """Where others than pyinfra find it, whose connector may stand before its name."""
        return self.hostname or self.name.rpartition("/")[2]

    @property
    def in_sandbox(self) -> bool:
        """Whether it is a virtual host of the sandbox, of which only its sshd can be reached."""
        return self.name.startswith("@sandbox/")


class KvmHost(Host):
    """A host of the group ``kvm_hosts``."""

    settings: KvmHostSettings


class ContainerHost(Host):
    """A host of the group ``container_hosts``."""

    settings: ContainerHostSettings


class Lab(Frozen):
    """The whole infrastructure of one session, as desired.

    :param allocation: what its students' machines have already, and keep.
    """

    name: str
    students: tuple[Student, ...]
    kvm_hosts: tuple[KvmHost, ...]
    container_hosts: tuple[ContainerHost, ...]
    require_kvm: bool = False
    allocation: Allocation = Allocation()

    @property
    def site_hosts(self) -> tuple[ContainerHost, ...]:
        """The hosts that serve the TP site."""
        return tuple(host for host in self.container_hosts if host.settings.site_port)

    def kvm_host(self, name: str) -> KvmHost:
        """The KVM host that the inventory calls ``name``; KeyError where it has none."""
        return {host.name: host for host in self.kvm_hosts}[name]

    def container_host(self, name: str) -> ContainerHost:
        """The container host that the inventory calls ``name``; KeyError where it has none."""
        return {host.name: host for host in self.container_hosts}[name]
