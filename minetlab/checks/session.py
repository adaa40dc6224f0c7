"""One verification: an inventory's lab, and a connection to each of its machines, made when first used."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

from testinfra.host import Host

from minetlab.checks import machines
from minetlab.checks.machines import (
    ContainerHostMachine,
    ContainerMachine,
    GuestMachine,
    JumpHostMachine,
    KvmMachine,
    MachineUnderTest,
    Terminal,
)
from minetlab.checks.site import ServedSite
from minetlab.inventory.hosts import InventoryHost
from minetlab.operations import specs
from minetlab.secrets import keys
from minetlab.site.build import Site, site_of
from minetlab.ssh.backend import BatchingBackend, LabSshBackend, connect
from minetlab.ssh.ssh_config import SANDBOX, DescribedLab, alias_of
from minetlab.tp.tp_images import SHELL

INSIDE = frozenset({"guest", "container"})
"""Kinds of machines that are reached through their hosts."""
AT_ONCE = 8
"""Machines that are asked at a time: nearly all of it is waiting for their answers."""


class Session(DescribedLab):
    """The machines of a lab.

    :raises LabError: the inventory's data is wrong.
    """

    def __init__(self, hosts: tuple[InventoryHost, ...]) -> None:
        super().__init__(hosts)
        self._data: Mapping[str, InventoryHost] = {host.name: host for host in hosts}
        self._made: dict[tuple[str, str], Any] = {}

    @cached_property
    def site(self) -> Site:
        """The TP site of the lab."""
        return site_of(self.lab, self.plan)

    def targets(self, kind: str) -> tuple[str, ...]:
        """The aliases of all machines of a kind.

        :param kind: kvm_host, container_host, site_host, jump_host, guest or container.
        """
        of_kind = {
            "kvm_host": (alias_of(host.name) for host in self.lab.kvm_hosts),
            "container_host": (alias_of(host.name) for host in self.lab.container_hosts),
            "site_host": (alias_of(host.name) for host in self.lab.site_hosts),
            "jump_host": (alias_of(each.name) for each in self.hosts if self._jump_keys(each.name)),
            "guest": (guest.name for guest in self.plan.guests),
            "container": (container.name for container in self.plan.containers),
        }
        return tuple(of_kind[kind])

    def machines_of(self, login: str) -> set[str]:
        """The aliases of a student's guest and containers."""
        guests = {guest.name for guest in self.plan.guests if guest.student.login == login}
        return guests | {each.name for each in self.plan.containers if each.student.login == login}

    def sheets(self, kind: str) -> tuple[tuple[str, str], ...]:
        """The alias of each machine of a kind (guest or container), with each TP that is done on it."""
        if kind == "container":
            return tuple((container.name, container.tp_image) for container in self.plan.containers)
        tps = {host.name: host.settings.guest_tps for host in self.lab.kvm_hosts}
        return tuple((guest.name, tp) for guest in self.plan.guests for tp in tps[guest.host])

    def connection_of(self, name: str, *, inside: bool) -> str:
        """The machine over whose connection another is looked at.

        :param inside: whether a guest is looked at from inside; else, as its host sees it.
        """
        host_of = {} if inside else {each.name: each.host for each in self.plan.guests}
        return alias_of(host_of.get(name, name))

    def host_of(self, container: str) -> str:
        """The alias of a container's host."""
        return next(alias_of(each.host) for each in self.plan.containers if each.name == container)

    def machine(self, kind: str, name: str) -> Any:
        """The machine of that alias, connected at the first command; always the same object."""
        key = (kind, name)  # a host can be of both groups
        if key not in self._made:
            self._made[key] = getattr(self, f"_{kind}")(name)
        return self._made[key]

    def fetch(self, wanted: Iterable[tuple[str, str]]) -> None:
        """Ask machines, many at a time, what is known beforehand that the checks will ask them.

        Hosts come first: their connections lead to the others, and they know which guests are off on purpose.

        :param wanted: kind and alias of each machine, as :meth:`machine` takes them.
        """
        machines = {key: self.machine(*key) for key in sorted(set(wanted))}
        hosts: defaultdict[str, list[MachineUnderTest]] = defaultdict(list)
        others = []
        for (kind, name), machine in machines.items():
            if kind in INSIDE:
                others.append(machine)
                hosts[machine.on.name].append(machine.on)
            else:
                hosts[name].append(machine)
        with ThreadPoolExecutor(AT_ONCE) as workers:
            list(workers.map(_fetch_all, hosts.values()))
            list(workers.map(_fetch, filter(_is_awake, others)))

    def _kvm_host(self, alias: str) -> KvmMachine:
        host = next(each for each in self.lab.kvm_hosts if alias_of(each.name) == alias)
        return KvmMachine(
            name=alias,
            host=self._connect_host(host.name, *machines.KVM_HOST_BATCHES),
            lab=self.lab.name,
            settings=host.settings,
            guests=self.plan.guests_on(host.name),
            require_kvm=self.lab.require_kvm,
        )

    def _container_host(self, alias: str) -> ContainerHostMachine:
        host = next(each for each in self.lab.container_hosts if alias_of(each.name) == alias)
        site = ServedSite(port, self.site) if (port := host.settings.site_port) else None
        connected = self._connect_host(host.name, *machines.container_host_batches(site))
        return ContainerHostMachine(alias, connected, self.lab.name, host.settings, site)

    def _site_host(self, alias: str) -> ContainerHostMachine:
        """The container host that serves it."""
        host: ContainerHostMachine = self.machine("container_host", alias)
        return host

    def _jump_host(self, alias: str) -> JumpHostMachine:
        host = next(each.name for each in self.hosts if alias_of(each.name) == alias)
        connected = self._connect_host(host, *machines.jump_host_batches(self.lab.name))
        return JumpHostMachine(alias, connected, self.lab.name, self._jump_keys(host))

    def _jump_keys(self, host: str) -> str:
        return specs.jump_keys(self.lab, self.plan, host)

    def _guest(self, name: str) -> GuestMachine:
        guest = next(each for each in self.plan.guests if each.name == name)
        on = self.machine("kvm_host", alias_of(guest.host))
        backend = LabSshBackend(
            name,
            self.ssh_config,
            sudo=True,
            next_step=f"look at its console: ssh -t -F {self.ssh_config} {on.name} virsh console {name}",
        )
        host = connect(backend, *machines.guest_batches(guest.student.login))
        return GuestMachine(
            name,
            host,
            guest,
            on,
            student_key=keys.student_public_key(self.lab.name, guest.student),
            terminal=Terminal(host, ("runuser", "--login", guest.student.login, "--command")),
        )

    def _container(self, name: str) -> ContainerMachine:
        container = next(each for each in self.plan.containers if each.name == name)
        on = self.machine("container_host", alias_of(container.host))
        next_step = f"see what its sshd says: ssh -F {self.ssh_config} {on.name} docker logs {name}"
        backend = LabSshBackend(name, self.ssh_config, sudo=False, next_step=next_step)
        host = connect(backend, *machines.CONTAINER_BATCHES)
        return ContainerMachine(
            name,
            host,
            container,
            on,
            student_key=keys.student_public_key(self.lab.name, container.student),
            terminal=Terminal(host, (SHELL, "-c")),
        )

    def _connect_host(self, name: str, *batches: Iterable[str]) -> Host:
        alias = alias_of(name)
        next_step = (
            f"see whether it runs: lab sandbox ls; if not, bring the lab up: lab up ({name})"
            if name.startswith(SANDBOX)
            else f"try it by hand: ssh -F {self.ssh_config} {alias}"
        )
        sudo = bool(self._data[name].data.get("_sudo"))
        return connect(LabSshBackend(alias, self.ssh_config, sudo=sudo, next_step=next_step), *batches)


def _fetch_all(machines: Iterable[MachineUnderTest]) -> None:
    """Ask what is behind one connection, one after the other: the first opens it for all."""
    for machine in machines:
        _fetch(machine)


def _is_awake(machine: MachineUnderTest) -> bool:
    """Whether to ask a machine; what is wrong with its host is said by the checks."""
    try:
        return not getattr(machine, "off", "")
    except AssertionError:
        return False


def _fetch(machine: MachineUnderTest) -> None:
    if isinstance(machine.host.backend, BatchingBackend):
        machine.host.backend.fetch()
