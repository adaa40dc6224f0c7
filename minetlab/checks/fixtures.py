"""The machines that the checks of ``tests/hosts`` take as arguments: one fixture a kind of machine."""

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
"""Fixture to the kind of machine that it gives."""
SESSION = pytest.StashKey[Session]()
"""Of pytest's configuration: the verification that runs."""
SILENT = pytest.StashKey[set[str]]()
"""Of pytest's configuration: the machines that failed a check as they, or their host, did not answer."""
OFF = pytest.StashKey[str]()
"""Of a check inside a guest: why that is off, where it is on purpose."""


@pytest.fixture(scope="session")
def measuring(request: pytest.FixtureRequest) -> Measuring:
    """What is measured on the lab, each thing once a session."""
    return Measuring(_session(request))


@pytest.fixture
def kvm_host(request: pytest.FixtureRequest) -> KvmMachine:
    """A KVM host that answers."""
    return _answering(request, _session(request).kvm_hosts[request.param])


@pytest.fixture
def domain(request: pytest.FixtureRequest) -> GuestMachine:
    """A guest as its host sees it: it need not run."""
    machine = _session(request).guests[request.param]
    _contact(request, machine.on)
    return machine


@pytest.fixture
def guest(request: pytest.FixtureRequest) -> GuestMachine:
    """A guest that answers, or that is off on purpose."""
    machine = _session(request).guests[request.param]
    _contact(request, machine.on)
    request.node.stash[OFF] = machine.off
    if not request.node.stash[OFF]:
        _contact(request, machine)
    return machine


@pytest.fixture
def container_host(request: pytest.FixtureRequest) -> ContainerHostMachine:
    """A container host that answers."""
    return _answering(request, _session(request).container_hosts[request.param])


@pytest.fixture
def site_host(request: pytest.FixtureRequest) -> ContainerHostMachine:
    """A container host that answers and serves the TP site."""
    return _answering(request, _session(request).container_hosts[request.param])


@pytest.fixture
def jump_host(request: pytest.FixtureRequest) -> JumpHostMachine:
    """A host that answers, through which students reach their machines."""
    return _answering(request, _session(request).jump_hosts[request.param])


@pytest.fixture
def container(request: pytest.FixtureRequest) -> ContainerMachine:
    """A container that answers, as does its host."""
    machine = _session(request).containers[request.param]
    _contact(request, machine.on, machine)
    return machine


def _session(request: pytest.FixtureRequest) -> Session:
    return request.config.stash[SESSION]


def _answering(request: pytest.FixtureRequest, machine: Kind) -> Kind:
    _contact(request, machine)
    return machine


def _contact(request: pytest.FixtureRequest, *machines: MachineUnderTest) -> None:
    """Fail once where a machine does not answer, and skip its other checks. A host goes before its guests."""
    silent = request.config.stash[SILENT]
    for machine in machines:
        reason = _silence_of(machine)
        if reason and request.param in silent:
            pytest.skip(f"{request.param}: not checked further, because {machine.name} does not answer")
        if reason:
            silent.add(request.param)
            pytest.fail(reason, pytrace=False)


def _silence_of(machine: MachineUnderTest) -> str | None:
    try:
        machine.answers()
    except AssertionError as error:
        return str(error)
    return None
