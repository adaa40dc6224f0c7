"""What the checks of this folder are run on: every machine of ``--inventory``.

pytest tests/hosts --inventory inventories/lab.py -n 4 --dist loadgroup
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from minetlab import inventory
from minetlab.errors import LabError
from minetlab.inventory import InventoryHost
from minetlab.verification.machines import (
    ContainerHostMachine,
    ContainerMachine,
    GuestMachine,
    KvmMachine,
    Machine,
)
from minetlab.verification.session import Session

DEFAULT_INVENTORY = Path("inventories/lab.py")
# Fixture to the kind of machine it gives.
KINDS = {
    "kvm_host": "kvm_host",
    "domain": "guest",
    "guest": "guest",
    "container_host": "container_host",
    "container": "container",
}
SESSION = pytest.StashKey[Session]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("lab").addoption(
        "--inventory", type=Path, default=DEFAULT_INVENTORY, help="The lab's inventory (inventories/lab.py)."
    )


def pytest_configure(config: pytest.Config) -> None:
    """Read the lab once; the workers of pytest-xdist get it from the process that started them."""
    if config.option.tbstyle == "auto":
        config.option.tbstyle = "short"
    if "s" not in config.option.reportchars:
        config.option.reportchars += "s"  # what is not demonstrable is said, not passed over
    given = getattr(config, "workerinput", {}).get("inventory")
    try:
        hosts = (
            tuple(InventoryHost(**host) for host in json.loads(given))
            if given
            else inventory.read(config.getoption("--inventory", DEFAULT_INVENTORY))
        )
        config.stash[SESSION] = Session(hosts)
    except LabError as error:
        raise pytest.UsageError(str(error)) from None


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Hand the inventory to a worker of pytest-xdist."""
    node.workerinput["inventory"] = json.dumps([asdict(host) for host in node.config.stash[SESSION].hosts])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each check on every machine of its kind, in the machine's name."""
    for fixture in KINDS.keys() & set(metafunc.fixturenames):
        machines = [
            pytest.param(target.name, id=target.name, marks=pytest.mark.xdist_group(target.group))
            for target in metafunc.config.stash[SESSION].targets(KINDS[fixture])
        ]
        metafunc.parametrize(fixture, machines, indirect=True, scope="session")


def _machine(request: pytest.FixtureRequest) -> Any:
    assert request.fixturename is not None
    return request.config.stash[SESSION].machine(KINDS[request.fixturename], request.param)


def _contact(*machines: Machine) -> None:
    """Fail in one line where a machine does not answer; its host first, which may be the cause."""
    for machine in machines:
        try:
            machine.answers()
        except AssertionError as error:
            pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def kvm_host(request: pytest.FixtureRequest) -> KvmMachine:
    machine: KvmMachine = _machine(request)
    _contact(machine)
    return machine


@pytest.fixture(scope="session")
def domain(request: pytest.FixtureRequest) -> GuestMachine:
    """A guest as its host sees it: it need not run."""
    machine: GuestMachine = _machine(request)
    _contact(machine.on)
    return machine


@pytest.fixture(scope="session")
def guest(request: pytest.FixtureRequest) -> GuestMachine:
    machine: GuestMachine = _machine(request)
    _contact(machine.on, machine)
    return machine


@pytest.fixture(scope="session")
def container_host(request: pytest.FixtureRequest) -> ContainerHostMachine:
    machine: ContainerHostMachine = _machine(request)
    _contact(machine)
    return machine


@pytest.fixture(scope="session")
def container(request: pytest.FixtureRequest) -> ContainerMachine:
    machine: ContainerMachine = _machine(request)
    _contact(machine.on)
    return machine
