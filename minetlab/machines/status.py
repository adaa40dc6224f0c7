"""Read from the hosts which machines of the lab they have; no file of this machine is read for that."""

import shlex
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase

from minetlab.facts.docker import DockerState
from minetlab.facts.libvirt import LibvirtState
from minetlab.inventory.hosts import CONTAINER_HOSTS, KVM_HOSTS, InventoryHost
from minetlab.lab import Lab
from minetlab.plan import Plan
from minetlab.resources.docker import DockerObserved
from minetlab.resources.libvirt import Domain, LibvirtObserved
from minetlab.ssh import ssh_config
from minetlab.ssh.run import NoAnswerError, run
from minetlab.util.process import ProgramResult, TooMuchError

Result = TypeVar("Result")

HOST_ANSWER_LIMIT = 120.0
"""Seconds that a host has to answer; a busy emulated one takes about ten."""
MISSING, SILENT = "missing", "no answer"
"""The states of machines that were not seen; all other states are words of libvirt or Docker."""
RUNNING, OFF = "running", "shut off"
"""The states of guests, in libvirt's words; Docker calls a container that runs "running", too."""


@dataclass(frozen=True)
class MachineState:
    """The state of a guest or a container.

    :param host: the alias of its host.
    :param name: the name of the machine.
    :param kind: ``guest`` or ``container``.
    :param student: the login of its student; empty if the host does not have it.
    :param state: :data:`RUNNING`, :data:`OFF`, :data:`MISSING`, :data:`SILENT`, or another word of Docker.
    :param address: the planned address of a guest, or the planned port of a container, in words.
    :param accelerator: ``kvm`` or ``tcg`` for a guest, else empty.
    :param planned: whether the plan has it.
    :param to_run: whether it is to run; if not, being off is fine, too.
    """

    host: str
    name: str
    kind: str
    student: str
    state: str
    address: str = ""
    accelerator: str = ""
    planned: bool = True
    to_run: bool = True

    @property
    def kept_off(self) -> bool:
        """Whether it is off on purpose."""
        return self.state == OFF and not self.to_run

    @property
    def fine(self) -> bool:
        """Whether it is as planned."""
        return self.planned and (self.state == RUNNING or self.kept_off)


def states(lab: Lab, plan: Plan, hosts: Iterable[InventoryHost], config: Path) -> tuple[MachineState, ...]:
    """Read the states of all guests and containers from all hosts at once.

    :param lab: the lab.
    :param plan: its plan.
    :param hosts: the hosts to ask.
    :param config: the lab's SSH configuration.
    :return: the state of every machine that is planned or exists, sorted by host and name.
    """
    states_by_host = on_each(hosts, lambda host: list(_on(lab, plan, host, config)))
    machines = [machine for host_states in states_by_host for machine in host_states]
    return tuple(sorted(machines, key=lambda machine: (machine.host, machine.name)))


def on_each(hosts: Iterable[InventoryHost], function: Callable[[InventoryHost], Result]) -> list[Result]:
    """Call a function for every host, in up to 16 threads, and return the results in the hosts' order."""
    with ThreadPoolExecutor(max_workers=16) as pool:
        return list(pool.map(function, hosts))


def ask(fact: FactBase[Any], host: InventoryHost, config: Path, **arguments: Any) -> Any:
    """Return the value of a fact on a host; None if the host does not answer, or not as expected."""
    try:
        answer = run_on_host(str(fact.command(**arguments)), host, config)
        return fact.process(answer.output.splitlines()) if answer.status == 0 else None
    except (NoAnswerError, TooMuchError, FactProcessError):
        return None


def run_on_host(command: str, host: InventoryHost, config: Path, limit: float | None = None) -> ProgramResult:
    """Run a shell command on a host, as root if the inventory says ``_sudo``.

    :param command: the command.
    :param host: the host.
    :param config: the lab's SSH configuration.
    :param limit: seconds that the host has to answer; None: :data:`HOST_ANSWER_LIMIT`.
    :return: the output and the exit status.
    :raises NoAnswerError: ssh itself failed, or the host took longer.
    :raises TooMuchError: the command printed more than any that this project runs.
    """
    words = ["sh", "-c", command]
    line = shlex.join(["sudo", *words] if host.data.get("_sudo") else words)
    return run(config, ssh_config.alias_of(host.name), line, limit or HOST_ANSWER_LIMIT)


def _on(lab: Lab, plan: Plan, host: InventoryHost, config: Path) -> Iterator[MachineState]:
    # Of a host that does not answer as much is known as of a daemon that is installed and does not: nothing.
    if KVM_HOSTS in host.groups:
        libvirt = ask(LibvirtState(), host, config, lab=lab.name) or LibvirtObserved(installed=True)
        yield from _guests(lab, plan, host, libvirt)
    if CONTAINER_HOSTS in host.groups:
        docker = ask(DockerState(), host, config, lab=lab.name) or DockerObserved(installed=True)
        yield from _containers(lab, plan, host, docker)


def _guests(lab: Lab, plan: Plan, host: InventoryHost, observed: LibvirtObserved) -> Iterator[MachineState]:
    domains = {domain.name: domain for domain in observed.domains_of(lab.name)}
    planned = {guest.name: guest for guest in plan.guests_on(host.name)}
    for name in sorted(planned.keys() | domains.keys()):
        guest, domain = planned.get(name), domains.get(name)
        yield MachineState(
            host=ssh_config.alias_of(host.name),
            name=name,
            kind="guest",
            student=guest.student.login if guest else name.removeprefix(f"{lab.name}-"),
            state=_state_of(domain, observed),
            address=str(guest.address.ip) if guest else "",
            # "qemu" is libvirt's domain type for emulation.
            accelerator={"qemu": "tcg"}.get(domain.type, domain.type) if domain else "",
            planned=guest is not None,
            to_run=guest is None or guest.to_run,
        )


def _containers(
    lab: Lab, plan: Plan, host: InventoryHost, observed: DockerObserved
) -> Iterator[MachineState]:
    existing = {
        name: container
        for name, container in observed.containers.items()
        if container.lab == lab.name and container.student
    }
    planned = {container.name: container for container in plan.containers_on(host.name)}
    for name in sorted(planned.keys() | existing.keys()):
        container = planned.get(name)
        yield MachineState(
            host=ssh_config.alias_of(host.name),
            name=name,
            kind="container",
            student=container.student.login if container else existing[name].student,
            state=existing[name].state if name in existing else _state_of_absent(observed),
            address=f"port {container.ssh_port}" if container else "",
            planned=container is not None,
        )


def _state_of(domain: Domain | None, observed: LibvirtObserved) -> str:
    if domain is None:
        return _state_of_absent(observed)
    return RUNNING if domain.active else OFF


def _state_of_absent(observed: LibvirtObserved | DockerObserved) -> str:
    # If the host or the daemon did not answer, it is not known whether the machine exists.
    return SILENT if observed.silent else MISSING
