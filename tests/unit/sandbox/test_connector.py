"""Sandbox hosts as hosts of pyinfra."""

from pathlib import Path

import pytest
from pyinfra.api.config import Config
from pyinfra.api.connect import connect_all
from pyinfra.api.exceptions import InventoryError, PyinfraError
from pyinfra.api.inventory import Inventory
from pyinfra.api.state import State
from pyinfra.connectors.ssh import SSHConnector
from pyinfra.connectors.sshuserclient.client import get_host_keys

from minetlab.sandbox import connector
from minetlab.sandbox.connector import SandboxConnector
from minetlab.sandbox.machine import SandboxHost
from minetlab.sandbox.spec import SandboxSpec
from tests.support.fake_toolbox import FakeToolbox


def state_of(*hosts: object) -> State:
    return State(Inventory((list(hosts), {})), Config())  # type: ignore[no-untyped-call]


def test_a_host_is_named_without_being_booted() -> None:
    assert list(SandboxConnector.make_names_data("hv1")) == [("@sandbox/hv1", {}, ["@sandbox"])]


@pytest.mark.parametrize("name", [None, "", "No_Host"])
def test_a_wrong_name_is_an_error_of_the_inventory(name: str | None) -> None:
    with pytest.raises(InventoryError, match="cannot be the name of a sandbox host"):
        list(SandboxConnector.make_names_data(name))


def test_one_hosts_wrong_data_do_not_stop_the_others() -> None:
    state = state_of(("@sandbox/hv1", {"sandbox_memory": "4G"}), "@local")
    connect_all(state)
    assert {host.name for host in state.active_hosts} == {"@local"}


def test_a_run_of_wrong_hosts_only_fails() -> None:
    with pytest.raises(PyinfraError, match="No hosts remaining"):
        connect_all(state_of(("@sandbox/hv1", {"sandbox_debian": 11})))


def test_a_host_is_started_with_its_data_and_the_groups_that_are_roles(
    toolbox: FakeToolbox, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected: list[SandboxConnector] = []

    def connect(connector: SandboxConnector) -> None:
        connected.append(connector)

    monkeypatch.setattr(SSHConnector, "connect", connect)
    data = {"sandbox_memory": 512, "sandbox_vcpus": 2, "ssh_user": "somebody"}
    names = ["@sandbox/hv1"]
    inventory = Inventory((names, {}), kvm_hosts=(names, data), inventory=(names, {}))  # type: ignore[no-untyped-call]
    get_host_keys.cache["/old"] = "key"
    state = State(inventory, Config())  # type: ignore[no-untyped-call]
    connect_all(state)
    assert {host.name for host in state.active_hosts} == {"@sandbox/hv1"}
    assert "/old" not in get_host_keys.cache
    host = SandboxHost("hv1")
    reached = host.connection()
    assert host.record is not None
    assert host.record.spec == SandboxSpec(memory=512, vcpus=2)
    (connector,) = connected
    assert (
        dict(connector.data).items()
        >= {
            "ssh_hostname": "127.0.0.1",
            "ssh_port": reached.port,
            "ssh_user": "root",
            "ssh_key": str(reached.key),
            "ssh_known_hosts_file": str(reached.known_hosts),
            "ssh_strict_host_key_checking": "yes",
            "ssh_config_file": "/dev/null",
        }.items()
    )
    (resumed,) = toolbox.scripts("resume.sh")
    assert resumed["words"][-2:] == ["new", "kvm_hosts"]


def test_a_file_that_cannot_be_read_stops_one_host_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*of: object) -> None:
        raise PermissionError("not this user's")

    monkeypatch.setattr(connector, "start", fail)
    state = state_of("@sandbox/hv1", "@local")
    connect_all(state)
    assert {host.name for host in state.active_hosts} == {"@local"}
