"""Observe a host once a stage, and again only after something was changed."""

from collections.abc import Iterable
from typing import TypeVar
from weakref import WeakKeyDictionary

from pyinfra.api.command import PyinfraCommand
from pyinfra.api.facts import FactBase
from pyinfra.api.host import Host
from pyinfra.context import ctx_host, host, state

from minetlab.facts.docker import DockerState
from minetlab.facts.kvm import KvmModule
from minetlab.facts.libvirt import LibvirtState
from minetlab.operations.commands import Commands
from minetlab.resources.docker import DockerObserved
from minetlab.resources.kvm import KvmObserved
from minetlab.resources.libvirt import LibvirtObserved
from minetlab.util.errors import LabError

T = TypeVar("T")

_seen: WeakKeyDictionary[Host, dict[tuple[bool, type, str], object]] = WeakKeyDictionary()


def kvm(lab: str) -> KvmObserved:
    """The host's hardware virtualization."""
    return _observe(KvmModule, lab)


def libvirt(lab: str) -> LibvirtObserved:
    """Everything that libvirt has on the host."""
    return _observe(LibvirtState, lab)


def docker(lab: str) -> DockerObserved:
    """Everything that dockerd has on the host."""
    return _observe(DockerState, lab)


def silence(observed: LibvirtObserved) -> LabError | None:
    """What to say where libvirtd does not answer; before the run it may well not be there yet."""
    if observed.answers or not state.is_executing:
        return None
    return LabError(
        f"{host.name}: libvirtd does not answer",
        next_step=f"on {host.name}, see journalctl --unit libvirtd.service",
    )


def changing(commands: Iterable[PyinfraCommand]) -> Commands:
    """Hand on the commands; once one of them has run, what was observed is out of date."""
    for command in commands:
        yield command
        _seen.pop(this_host(), None)


def _observe(fact: type[FactBase[T]], lab: str) -> T:
    # What was seen while preparing is not what there is by the time of execution.
    seen = _seen.setdefault(this_host(), {})
    key = (state.is_executing, fact, lab)
    if key not in seen:
        seen[key] = host.get_fact(fact, lab=lab)
    return seen[key]  # type: ignore[return-value]


def this_host() -> Host:
    """The host itself: the one that modules import stands for whichever host is at work."""
    return ctx_host.get()  # type: ignore[no-untyped-call, no-any-return]
