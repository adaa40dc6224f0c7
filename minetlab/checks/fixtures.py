"""The machines that the checks of ``tests/hosts`` take as arguments, with a fixture for each kind."""

from typing import TypeVar

import pytest

from minetlab.checks.machines import (
    ContainerHostMachine,
    ContainerMachine,
    GuestMachine,
    JumpHostMachine,
    KvmMachine,
    MachineUnderTest,
)
from minetlab.checks.measuring import Measuring
from minetlab.checks.session import Session

Kind = TypeVar("Kind", bound=MachineUnderTest)

KINDS = {
    "kvm_host": "kvm_host",
    "domain": "guest",
    "guest": "guest",
    "container_host": "container_host",
    "site_host": "site_host",
    "jump_host": "jump_host",
    "container": "container",
}
"""The fixtures, and the kind of machine that each returns."""
SESSION = pytest.StashKey[Session]()
"""In pytest's configuration: the session of the verification."""
SILENT_MACHINES = pytest.StashKey[set[str]]()
"""In pytest's configuration: the machines with a failed check, as they or their host did not answer."""
REASON_OFF = pytest.StashKey[str]()
"""In a check inside a guest: why the guest is off on purpose; empty: it has to answer."""


@pytest.fixture(scope="session")
def measuring(request: pytest.FixtureRequest) -> Measuring:
    """Return what measures on the lab, and keeps each measurement for the whole session."""
    return Measuring(_session(request))


@pytest.fixture
def kvm_host(request: pytest.FixtureRequest) -> KvmMachine:
    """Return a KVM host that answers."""
    return _answering(request, _session(request).kvm_hosts[request.param])


@pytest.fixture
def domain(request: pytest.FixtureRequest) -> GuestMachine:
    """Return a guest as its host sees it, running or not; the host answers."""
    machine = _session(request).guests[request.param]
    _answering(request, machine.host_machine)
    return machine


@pytest.fixture
def guest(request: pytest.FixtureRequest) -> GuestMachine:
    """Return a guest that answers, or that is off on purpose."""
    machine = _session(request).guests[request.param]
    _answering(request, machine.host_machine)
    reason_off = machine.off
    request.node.stash[REASON_OFF] = reason_off
    return machine if reason_off else _answering(request, machine)


@pytest.fixture
def container_host(request: pytest.FixtureRequest) -> ContainerHostMachine:
    """Return a container host that answers."""
    return _answering(request, _session(request).container_hosts[request.param])


@pytest.fixture
def site_host(request: pytest.FixtureRequest) -> ContainerHostMachine:
    """Return a container host that answers, and has to serve the TP site."""
    return _answering(request, _session(request).site_hosts[request.param])


@pytest.fixture
def jump_host(request: pytest.FixtureRequest) -> JumpHostMachine:
    """Return a host that answers, and through which students reach their machines."""
    return _answering(request, _session(request).jump_hosts[request.param])


@pytest.fixture
def container(request: pytest.FixtureRequest) -> ContainerMachine:
    """Return a container that answers, as its host does."""
    machine = _session(request).containers[request.param]
    _answering(request, machine.host_machine)
    return _answering(request, machine)


def _session(request: pytest.FixtureRequest) -> Session:
    return request.config.stash[SESSION]


def _answering(request: pytest.FixtureRequest, machine: Kind) -> Kind:
    """Fail the first check of a machine that cannot be reached, and skip its other checks.

    :param request: of the check; its parameter is the alias of the machine that is checked.
    :param machine: what has to answer for the check: that machine, or the host that leads to it.
    :return: the machine, which answers.
    """
    silent = request.config.stash[SILENT_MACHINES]
    reason = _why_unreachable(machine)
    if reason and request.param in silent:
        pytest.skip(f"{request.param}: not checked further, because {machine.name} does not answer")
    if reason:
        silent.add(request.param)
        pytest.fail(reason, pytrace=False)
    return machine


def _why_unreachable(machine: MachineUnderTest) -> str | None:
    try:
        machine.answers()
    except AssertionError as error:
        return str(error)
    return None
