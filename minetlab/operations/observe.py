"""Read facts that many operations need once, and again only after something has changed."""

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from pyinfra.api.command import PyinfraCommand
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.facts import FactBase
from pyinfra.api.host import Host
from pyinfra.context import ctx_host, host, state

from minetlab.facts.docker import DockerState
from minetlab.facts.kvm import KvmModule
from minetlab.facts.libvirt import LibvirtState
from minetlab.resources.docker import DockerObserved
from minetlab.resources.kvm import KvmObserved
from minetlab.resources.libvirt import LibvirtObserved
from minetlab.util.errors import LabError

T = TypeVar("T")

_facts: WeakKeyDictionary[Host, dict[tuple[bool, type, str], object]] = WeakKeyDictionary()
"""By host: values by whether operations are executed (or only prepared), by fact, and by lab."""


def kvm(lab: str) -> KvmObserved:
    """Return what the host has of hardware virtualization."""
    return _observe(KvmModule, lab)


def libvirt(lab: str) -> LibvirtObserved:
    """Return everything that the host's libvirt has."""
    return _observe(LibvirtState, lab)


def docker(lab: str) -> DockerObserved:
    """Return everything that the host's dockerd has."""
    return _observe(DockerState, lab)


def fact(kind: type[FactBase[T]], **arguments: Any) -> T:
    """Read a fact of the host on which the present operation runs.

    :param kind: the fact.
    :param **arguments: its arguments.
    :return: its value.
    :raises LabError: it cannot be read. pyinfra's own ``get_fact`` would return the fact's default then: that
        the host has nothing of the kind, which is no ground to change anything.
    """
    here = this_host()
    try:
        value = here.get_fact(kind, **arguments)
    except PyinfraError:  # no host is left
        if not state.is_executing:
            raise
    if here not in state.failed_hosts:
        return value
    raise LabError(
        f"{here.name}: the host itself does not answer any more, or not as expected ({kind.__name__})",
        next_step="look at its console; of a host in the sandbox: ./lab sandbox ls, then ./lab up again",
    )


def require_answer(observed: LibvirtObserved | DockerObserved) -> None:
    """Raise an error if libvirtd or dockerd did not answer."""
    # While operations are only prepared, the daemon may not be installed yet.
    if not observed.answers and state.is_executing:
        libvirt = isinstance(observed, LibvirtObserved)
        daemon, unit = ("libvirtd", "libvirtd") if libvirt else ("dockerd", "docker")
        raise LabError(
            f"{host.name}: {daemon} does not answer",
            next_step=f"on {host.name}, see journalctl --unit {unit}.service",
        )


def refuse_silence(observed: LibvirtObserved | DockerObserved) -> None:
    """Raise an error if libvirtd or dockerd is installed, but did not answer.

    This is for operations that have nothing to do where it is not installed.
    """
    if observed.installed:
        require_answer(observed)


def changing(commands: Iterable[PyinfraCommand], otherwise: str = "") -> Iterator[PyinfraCommand]:
    """Yield the commands; after each of them, forget what was observed, as it may have changed.

    :param commands: the commands.
    :param otherwise: what to say of the host if there are none, so that there is nothing to do.
    :yields: the commands.
    """
    changes = False
    for command in commands:
        changes = True
        yield command
        _facts.pop(this_host(), None)
    if otherwise and not changes:
        host.noop(otherwise)


def _observe(kind: type[FactBase[T]], lab: str) -> T:
    values = _facts.setdefault(this_host(), {})
    # What was read while operations were prepared may have changed when they are executed.
    key = (state.is_executing, kind, lab)
    if key not in values:
        values[key] = fact(kind, lab=lab)
    return values[key]  # type: ignore[return-value]


def this_host() -> Host:
    """Return the host on which the present operation runs."""
    # pyinfra.context.host cannot be kept: it is a proxy, which stands for another host later.
    return ctx_host.get()  # type: ignore[no-untyped-call, no-any-return]
