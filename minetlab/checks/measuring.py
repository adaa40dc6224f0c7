"""What is measured on a lab's hosts, each once, however many checks ask for it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from minetlab.checks import snapshots, workbench
from minetlab.checks.machines import ContainerHostMachine, ContainerMachine, GuestMachine, KvmMachine
from minetlab.checks.session import Session
from minetlab.checks.snapshots import History
from minetlab.claims.measurements import Costs, Series
from minetlab.plan import Container
from minetlab.ssh.backend import Read

Measured = TypeVar("Measured")


class Measuring:
    """Measures on the machines of a lab.

    :param session: their connections.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._made: dict[tuple[str, str], tuple[Any, list[Read]]] = {}

    @property
    def required(self) -> bool:
        """Whether the lab has to be able to show all of it."""
        return self._session.lab.require_kvm

    def missing(self, host: str) -> str:
        """What a host lacks to be measured on; empty: nothing.

        :param host: its alias.
        """
        if not self._containers():
            return f"no container of the TP {workbench.TP}, whose program is what is measured, in this lab"
        if host in self._session.targets("container_host") and not self._containers(host):
            return f"no container of the TP {workbench.TP} on {host}"
        return ""

    def guest(self, host: KvmMachine) -> GuestMachine | None:
        """The first guest on a host that is not off on purpose; None: no guest runs there."""
        guests = (self._session.guests[guest.name] for guest in host.guests)
        return next((guest for guest in guests if not guest.off), None)

    def series(self, host: KvmMachine | ContainerHostMachine) -> Series:
        """The same work in every environment of a host, by turns; a KVM host needs a :meth:`guest`."""
        return self._once("series", host.name, lambda: self._series(host))

    def costs(self, host: KvmMachine) -> Costs:
        """The :meth:`guest` of a host, and a container of the same student where there is one."""
        return self._once("costs", host.name, lambda: self._costs(host))

    def history(self, host: KvmMachine) -> History:
        """What a machine on a host lives through that is sent back in time."""
        return self._once("history", host.name, lambda: snapshots.witness(host, self._container()))

    def _series(self, host: KvmMachine | ContainerHostMachine) -> Series:
        with self._bench(host) as bench:
            series = bench.measure()
            bench.show(series)
        self._session.measured.append(series)
        return series

    def _bench(self, host: KvmMachine | ContainerHostMachine) -> AbstractContextManager[workbench.Bench]:
        if isinstance(host, KvmMachine):
            return workbench.of_kvm_host(self._running(host), self._container())
        return workbench.of_container_host(self._container(host.name))

    def _costs(self, host: KvmMachine) -> Costs:
        guest = self._running(host)
        costs = workbench.costs(guest, self._container(login=guest.guest.student.login))
        self._session.measured.append(costs)
        return costs

    def _running(self, host: KvmMachine) -> GuestMachine:
        guest = self.guest(host)
        if guest is None:
            raise AssertionError(f"{host.name}: no guest runs there")
        return guest

    def _container(self, host: str = "", login: str = "") -> ContainerMachine:
        containers = self._containers(host)
        first = next((each for each in containers if each.student.login == login), containers[0])
        return self._session.containers[first.name]

    def _containers(self, host: str = "") -> list[Container]:
        """Those of the TP, on a host by alias or on any."""
        return [
            each
            for each in self._session.plan.containers
            if each.tp_image == workbench.TP and (not host or self._session.host_of(each.name) == host)
        ]

    def _once(self, what: str, host: str, make: Callable[[], Measured]) -> Measured:
        """What was measured at the first call; what was read then is shown by each check that asks."""
        key = (what, host)
        if key in self._made:
            figure, read = self._made[key]
            self._session.transcript.extend(read)
        else:
            before = len(self._session.transcript)
            figure = make()
            self._made[key] = (figure, self._session.transcript[before:])
        return figure  # type: ignore[no-any-return]
