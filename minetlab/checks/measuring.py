"""The measurements on a lab's hosts: each is made once, however many checks ask for it."""

from collections.abc import Callable
from typing import Any, TypeVar

from minetlab.checks import snapshots, workbench
from minetlab.checks.machines import ContainerHostMachine, ContainerMachine, GuestMachine, KvmMachine
from minetlab.checks.session import Session
from minetlab.checks.snapshots import History
from minetlab.claims.measurements import Costs, Series
from minetlab.plan import Container
from minetlab.ssh.backend import Read
from minetlab.ssh.ssh_config import alias_of

Measured = TypeVar("Measured")


class Measuring:
    """Measures on the machines of a lab, each thing at the first call.

    :param session: the verification, which holds the connections to the machines.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._results: dict[tuple[str, str], tuple[Any, list[Read]]] = {}

    @property
    def required(self) -> bool:
        """Whether the lab has to be able to show all measurements, as ``require_kvm`` says."""
        return self._session.lab.require_kvm

    def missing(self, host: str) -> str:
        """Return what is missing to measure on a host, by its alias; empty: nothing."""
        if not self._containers():
            return f"no container of the TP {workbench.TP}, whose program is what is measured, in this lab"
        if host in self._session.targets("container_host") and not self._containers(host):
            return f"no container of the TP {workbench.TP} on {host}"
        return ""

    def guest(self, host: KvmMachine) -> GuestMachine | None:
        """Return the first guest on a host that is not off on purpose; None: no guest runs there."""
        guests = (self._session.guests[guest.name] for guest in host.guests)
        return next((guest for guest in guests if not guest.off), None)

    def series(self, host: KvmMachine | ContainerHostMachine) -> Series:
        """Measure the same work in every environment of a host.

        :param host: the host; a KVM host needs a :meth:`guest`.
        :return: the measurements.
        :raises AssertionError: an environment does not start, or does not answer; or no guest runs.
        """
        return self._once("series", host.name, lambda: self._series(host))

    def costs(self, host: KvmMachine) -> Costs:
        """Measure what a guest and a container cost.

        :param host: a KVM host, whose :meth:`guest` is compared with a container of the same student, if any.
        :return: what the two cost.
        :raises AssertionError: no guest runs on the host, or one of the two does not answer.
        """
        return self._once("costs", host.name, lambda: self._costs(host))

    def history(self, host: KvmMachine) -> History:
        """Revert a machine on a host to a snapshot of it.

        :param host: a KVM host.
        :return: what the machine counted before and after.
        :raises AssertionError: libvirt refused one of the steps, or the machine does not count.
        """
        return self._once("history", host.name, lambda: snapshots.run_witness(host, self._container()))

    def _series(self, host: KvmMachine | ContainerHostMachine) -> Series:
        if isinstance(host, KvmMachine):
            prepared = workbench.kvm_host_bench(self._running_guest(host), self._container())
        else:
            prepared = workbench.container_host_bench(self._container(host.name))
        with prepared as bench:
            series = bench.measure()
            bench.show(series)
        self._session.measured.append(series)
        return series

    def _costs(self, host: KvmMachine) -> Costs:
        guest = self._running_guest(host)
        costs = workbench.costs(guest, self._container(login=guest.guest.student.login))
        self._session.measured.append(costs)
        return costs

    def _running_guest(self, host: KvmMachine) -> GuestMachine:
        guest = self.guest(host)
        if guest is None:
            raise AssertionError(f"{host.name}: no guest runs there")
        return guest

    def _container(self, host: str = "", login: str = "") -> ContainerMachine:
        containers = self._containers(host)
        of_student = [container for container in containers if container.student.login == login]
        chosen = (of_student or containers)[0]
        return self._session.containers[chosen.name]

    def _containers(self, host: str = "") -> list[Container]:
        """Return the containers of the TP with the workload, on the host with this alias; empty: on any."""
        return [
            container
            for container in self._session.plan.containers
            if container.tp_image == workbench.TP and host in {"", alias_of(container.host)}
        ]

    def _once(self, kind: str, host: str, measure: Callable[[], Measured]) -> Measured:
        """Measure at the first call; later ones return the result, and repeat what was read."""
        key = (kind, host)
        if key in self._results:
            result, read = self._results[key]
            self._session.transcript.extend(read)
        else:
            before = len(self._session.transcript)
            result = measure()
            self._results[key] = (result, self._session.transcript[before:])
        return result  # type: ignore[no-any-return]
