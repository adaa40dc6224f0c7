"""One verification: the lab of an inventory, and connections to its machines, made when first used."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

from testinfra.host import Host

from minetlab.checks import machines
from minetlab.checks.jump import jump_host_batches
from minetlab.checks.machines import (
    ContainerHostMachine,
    ContainerMachine,
    GuestMachine,
    JumpHostMachine,
    KvmMachine,
    MachineUnderTest,
    Terminal,
)
from minetlab.checks.protocol import Measurement
from minetlab.checks.site import ServedSite
from minetlab.inventory.hosts import SANDBOX_PREFIX, InventoryHost
from minetlab.inventory.load import LoadedLab
from minetlab.lab import ContainerHost, KvmHost
from minetlab.operations import specs
from minetlab.plan import Container, Guest
from minetlab.secrets import certificates, keys
from minetlab.site.build import Site, site_of
from minetlab.ssh.backend import STUDENTS_MAX_BYTES, STUDENTS_MAX_NOTED, LabSshBackend, Read, connect
from minetlab.ssh.ssh_config import alias_of, write_config
from minetlab.tp.tp_images import TP_SHELL
from minetlab.util.process import MAX_OUTPUT

AT_ONCE = 8
"""How many machines are asked at the same time; nearly all of that is waiting for their answers."""


class Session:
    """The machines of a lab, by their aliases; each is connected at its first command.

    ``transcript`` is what the running check has read so far, and ``measured`` what it has measured.

    :param loaded: the lab of an inventory.
    """

    def __init__(self, loaded: LoadedLab) -> None:
        self.loaded, self.lab, self.plan = loaded, loaded.lab, loaded.plan
        self.transcript: list[Read] = []
        self.measured: list[Measurement] = []
        self._inventory_hosts: Mapping[str, InventoryHost] = {host.name: host for host in loaded.hosts}

    @cached_property
    def ssh_config(self) -> Path:
        """The lab's SSH configuration, written when it is first asked for."""
        return write_config(self.loaded)

    @cached_property
    def site(self) -> Site:
        """The TP site of the lab."""
        return site_of(self.lab, self.plan)

    def targets(self, kind: str) -> tuple[str, ...]:
        """Return the aliases of all machines of a kind.

        :param kind: kvm_host, container_host, site_host, jump_host, guest or container.
        :return: the aliases, in the order of lab and plan.
        """
        aliases = {
            "kvm_host": (alias_of(host.name) for host in self.lab.kvm_hosts),
            "container_host": (alias_of(host.name) for host in self.lab.container_hosts),
            "site_host": (alias_of(host.name) for host in self.lab.site_hosts),
            "jump_host": (alias_of(name) for name in self._jump_host_names()),
            "guest": (guest.name for guest in self.plan.guests),
            "container": (container.name for container in self.plan.containers),
        }
        return tuple(aliases[kind])

    def sheets(self, kind: str) -> tuple[tuple[str, str], ...]:
        """Return the alias of each machine of a kind (guest or container) with each TP that is done on it."""
        if kind == "container":
            return tuple((container.name, container.tp_image) for container in self.plan.containers)
        tps = {host.name: host.settings.guest_tps for host in self.lab.kvm_hosts}
        return tuple((guest.name, tp) for guest in self.plan.guests for tp in tps[guest.host])

    def connection_of(self, name: str, *, inside: bool) -> str:
        """Return the machine over whose connection a check looks at a machine.

        :param name: alias of the machine that is looked at.
        :param inside: whether a guest is looked at from inside; otherwise, as its host sees it.
        :return: alias of the machine to which ssh connects.
        """
        guest_hosts = {} if inside else {guest.name: guest.host for guest in self.plan.guests}
        return alias_of(guest_hosts.get(name, name))

    @cached_property
    def kvm_hosts(self) -> Mapping[str, KvmMachine]:
        """The KVM hosts, by alias."""
        return {alias_of(host.name): self._kvm_host(host) for host in self.lab.kvm_hosts}

    @cached_property
    def container_hosts(self) -> Mapping[str, ContainerHostMachine]:
        """The container hosts, by alias."""
        return {alias_of(host.name): self._container_host(host) for host in self.lab.container_hosts}

    @property
    def site_hosts(self) -> Mapping[str, ContainerHostMachine]:
        """The container hosts that serve the TP site, by alias."""
        return {name: self.container_hosts[name] for name in self.targets("site_host")}

    @cached_property
    def jump_hosts(self) -> Mapping[str, JumpHostMachine]:
        """The hosts through which students reach their machines, by alias."""
        return {alias_of(name): self._jump_host(name) for name in self._jump_host_names()}

    @cached_property
    def guests(self) -> Mapping[str, GuestMachine]:
        """The guests, by name."""
        return {guest.name: self._guest(guest) for guest in self.plan.guests}

    @cached_property
    def containers(self) -> Mapping[str, ContainerMachine]:
        """The students' containers, by name."""
        return {container.name: self._container(container) for container in self.plan.containers}

    def machine(self, kind: str, name: str) -> MachineUnderTest:
        """Return the machine of this kind and alias; a host can be of several kinds."""
        machines_of_kind: Mapping[str, MachineUnderTest] = getattr(self, f"{kind}s")
        return machines_of_kind[name]

    def fetch(self, wanted: Iterable[tuple[str, str]]) -> None:
        """Run the commands that checks are known to need, on many machines at the same time.

        Hosts come first: their connections lead to the others, and they know which guests are off on purpose.

        :param wanted: kind and alias of each machine, as :meth:`machine` takes them.
        """
        hosts: defaultdict[str, list[MachineUnderTest]] = defaultdict(list)
        others = []
        for kind, name in sorted(set(wanted)):
            machine = self.machine(kind, name)
            if isinstance(machine, GuestMachine | ContainerMachine):
                others.append(machine)
                machine = machine.host_machine
            hosts[machine.name].append(machine)
        with ThreadPoolExecutor(AT_ONCE) as workers:
            list(workers.map(_fetch, hosts.values()))
            list(workers.map(_fetch, ([machine] for machine in others if _is_awake(machine))))

    def _kvm_host(self, host: KvmHost) -> KvmMachine:
        return KvmMachine(
            name=alias_of(host.name),
            host=self._connect_host(host.name, machines.KVM_HOST_BATCHES),
            lab=self.lab.name,
            settings=host.settings,
            guests=self.plan.guests_on(host.name),
            require_kvm=self.lab.require_kvm,
        )

    def _container_host(self, host: ContainerHost) -> ContainerHostMachine:
        site = self._served_site(host, port) if (port := host.settings.site_port) else None
        connection = self._connect_host(host.name, machines.container_host_batches(site))
        return ContainerHostMachine(alias_of(host.name), connection, self.lab.name, host.settings, site)

    def _served_site(self, host: ContainerHost, port: int) -> ServedSite:
        anchor = certificates.site_certificate(self.lab, host).anchor.pem
        return ServedSite(self.lab.name, port, self.site, host.address, anchor)

    def _jump_host(self, host: str) -> JumpHostMachine:
        connection = self._connect_host(host, jump_host_batches(self.lab.name))
        return JumpHostMachine(
            alias_of(host), connection, self.lab.name, self._jump_keys(host), len(self.lab.students)
        )

    def _jump_host_names(self) -> list[str]:
        return [host.name for host in self.loaded.hosts if self._jump_keys(host.name)]

    def _jump_keys(self, host: str) -> str:
        return specs.jump_keys(self.lab, self.plan, host)

    def _guest(self, guest: Guest) -> GuestMachine:
        host_machine = self.kvm_hosts[alias_of(guest.host)]
        console = f"ssh -t -F {self.ssh_config} {host_machine.name} virsh console {guest.name}"
        batches = machines.guest_batches(guest.student.login)
        next_step = f"look at its console: {console}"
        host = self._connect(guest.name, batches, sudo=True, next_step=next_step, of_student=True)
        return GuestMachine(
            guest.name,
            host,
            guest,
            host_machine,
            student_key=keys.student_public_key(self.lab.name, guest.student),
            terminal=Terminal(host, ("runuser", "--login", guest.student.login, "--command")),
        )

    def _container(self, container: Container) -> ContainerMachine:
        host_machine = self.container_hosts[alias_of(container.host)]
        logs = f"ssh -F {self.ssh_config} {host_machine.name} docker logs {container.name}"
        next_step = f"see what its sshd says: {logs}"
        host = self._connect(
            container.name,
            machines.CONTAINER_BATCHES,
            sudo=False,
            next_step=next_step,
            of_student=True,
        )
        return ContainerMachine(
            container.name,
            host,
            container,
            host_machine,
            student_key=keys.student_public_key(self.lab.name, container.student),
            terminal=Terminal(host, (TP_SHELL, "-c")),
        )

    def _connect_host(self, name: str, batches: Iterable[Iterable[str]]) -> Host:
        alias = alias_of(name)
        next_step = (
            f"see whether it runs: lab sandbox ls; if not, bring the lab up: lab up ({name})"
            if name.startswith(SANDBOX_PREFIX)
            else f"try it by hand: ssh -F {self.ssh_config} {alias}"
        )
        sudo = bool(self._inventory_hosts[name].data.get("_sudo"))
        return self._connect(alias, batches, sudo=sudo, next_step=next_step)

    def _connect(
        self,
        alias: str,
        batches: Iterable[Iterable[str]],
        *,
        sudo: bool,
        next_step: str,
        of_student: bool = False,
    ) -> Host:
        max_bytes, max_noted = (STUDENTS_MAX_BYTES, STUDENTS_MAX_NOTED) if of_student else (MAX_OUTPUT, None)
        backend = LabSshBackend(alias, self.ssh_config, sudo=sudo, next_step=next_step, max_bytes=max_bytes)
        return connect(backend, *batches, transcript=self.transcript, max_noted=max_noted)


def _fetch(machines: Iterable[MachineUnderTest]) -> None:
    """Fetch from machines behind the same connection, one after the other: the first opens it for all."""
    for machine in machines:
        machine.host.backend.fetch()


def _is_awake(machine: MachineUnderTest) -> bool:
    """Tell whether a machine is to be asked; if its host does not answer, the checks will say so."""
    try:
        return not getattr(machine, "off", "")
    except AssertionError:
        return False
