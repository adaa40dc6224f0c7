"""What stands on the lab's hosts, as their own labels say it: no file of this machine is asked."""

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
from minetlab.ssh.run import run
from minetlab.util.process import Ended, TooMuchError

Seen = TypeVar("Seen")

LIMIT = 120.0
"""Seconds for a host to answer: an emulated one that is busy takes some ten."""
MISSING, SILENT = "missing", "no answer"
"""States of our own; the others are libvirt's and Docker's words."""
RUNNING, OFF = "running", "shut off"
"""Those of guests; a container that runs is called the same."""


@dataclass(frozen=True)
class MachineState:
    """A guest or a container.

    :param host: its host's alias.
    :param kind: ``guest`` or ``container``.
    :param student: their login; empty: the host does not say.
    :param state: :data:`RUNNING`, :data:`OFF`, Docker's word, :data:`MISSING`, or :data:`SILENT`.
    :param accelerator: of a guest: ``kvm`` or ``tcg``.
    :param planned: whether the inventory has it.
    :param to_run: whether it is to run; else it is fine where it is off, too.
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
    """Every guest and container that is planned or there, by host and name; all hosts are asked at once.

    :param config: the lab's SSH configuration.
    """
    found = on_each(hosts, lambda host: list(_on(lab, plan, host, config)))
    return tuple(
        sorted((each for of_host in found for each in of_host), key=lambda each: (each.host, each.name))
    )


def on_each(hosts: Iterable[InventoryHost], look: Callable[[InventoryHost], Seen]) -> list[Seen]:
    """What a look at each host shows, in their order; all are looked at at once."""
    with ThreadPoolExecutor(max_workers=16) as asking:
        return list(asking.map(look, hosts))


def ask(fact: FactBase[Any], host: InventoryHost, config: Path, **arguments: Any) -> Any:
    """What a fact says of a host; None: the host does not answer, or not what was asked for."""
    try:
        answer = run_there(str(fact.command(**arguments)), host, config)
        return fact.process(answer.output.splitlines()) if answer.status == 0 else None
    except (TimeoutError, TooMuchError, FactProcessError):
        return None


def run_there(command: str, host: InventoryHost, config: Path) -> Ended:
    """Have a host's shell run this, as root if the inventory says ``_sudo``; 255 is ssh's own status.

    :raises TimeoutError: the host took longer than :data:`LIMIT`.
    :raises TooMuchError: it printed more than anything that is asked for.
    """
    words = ["sh", "-c", command]
    line = shlex.join(["sudo", *words] if host.data.get("_sudo") else words)
    return run(config, ssh_config.alias_of(host.name), line, LIMIT)


def _on(lab: Lab, plan: Plan, host: InventoryHost, config: Path) -> Iterator[MachineState]:
    if KVM_HOSTS in host.groups:
        yield from _guests(lab, plan, host, ask(LibvirtState(), host, config, lab=lab.name))
    if CONTAINER_HOSTS in host.groups:
        yield from _containers(lab, plan, host, ask(DockerState(), host, config, lab=lab.name))


def _guests(
    lab: Lab, plan: Plan, host: InventoryHost, observed: LibvirtObserved | None
) -> Iterator[MachineState]:
    alias = ssh_config.alias_of(host.name)
    there = {domain.name: domain for domain in observed.domains_of(lab.name)} if observed else {}
    planned = {guest.name: guest for guest in plan.guests_on(host.name)}
    for name in sorted(planned.keys() | there.keys()):
        guest, domain = planned.get(name), there.get(name)
        yield MachineState(
            host=alias,
            name=name,
            kind="guest",
            student=guest.student.login if guest else name.removeprefix(f"{lab.name}-"),
            state=_state_of(domain, observed),
            address=str(guest.address.ip) if guest else "",
            accelerator=_accelerator_of(domain) if domain else "",
            planned=guest is not None,
            to_run=guest is None or guest.to_run,
        )


def _containers(
    lab: Lab, plan: Plan, host: InventoryHost, observed: DockerObserved | None
) -> Iterator[MachineState]:
    alias = ssh_config.alias_of(host.name)
    containers = observed.containers if observed else {}
    there = {name: each for name, each in containers.items() if each.lab == lab.name and each.student}
    planned = {container.name: container for container in plan.containers_on(host.name)}
    for name in sorted(planned.keys() | there.keys()):
        container, seen = planned.get(name), there.get(name)
        yield MachineState(
            host=alias,
            name=name,
            kind="container",
            student=container.student.login if container else there[name].student,
            state=seen.state if seen else _absence(observed),
            address=f"port {container.ssh_port}" if container else "",
            planned=container is not None,
        )


def _accelerator_of(domain: Domain) -> str:
    """``kvm`` or ``tcg``: libvirt calls emulation by its domain type, ``qemu``."""
    return {"qemu": "tcg"}.get(domain.type, domain.type)


def _state_of(domain: Domain | None, observed: LibvirtObserved | None) -> str:
    if domain is None:
        return _absence(observed)
    return RUNNING if domain.active else OFF


def _absence(observed: LibvirtObserved | DockerObserved | None) -> str:
    """What it means that a machine was not seen: nothing, where its host or the daemon did not answer."""
    return SILENT if observed is None or observed.silent else MISSING
