import pytest
from pyinfra.api.config import Config
from pyinfra.api.connect import connect_all
from pyinfra.api.exceptions import InventoryError, PyinfraError
from pyinfra.api.inventory import Inventory
from pyinfra.api.state import State

from minetlab.sandbox.connector import SandboxConnector


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
