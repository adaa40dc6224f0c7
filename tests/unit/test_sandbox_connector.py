import socket
from types import SimpleNamespace
from typing import cast

import pytest
from pyinfra.api.config import Config
from pyinfra.api.connect import connect_all
from pyinfra.api.exceptions import InventoryError, PyinfraError
from pyinfra.api.inventory import Inventory
from pyinfra.api.state import State
from pyinfra.connectors.ssh import SSHConnector

from minetlab.sandbox.connector import SandboxConnector
from minetlab.ssh import disable_nagle


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


def test_small_packets_are_sent_at_once() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as sock,
    ):
        before = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        client = SimpleNamespace(get_transport=lambda: SimpleNamespace(sock=sock))
        disable_nagle(cast(SSHConnector, SimpleNamespace(client=client)))
        assert (before, sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)) == (0, 1)


def test_a_connection_without_a_socket_is_left_alone() -> None:
    for transport in (None, SimpleNamespace(sock=object())):
        client = SimpleNamespace(get_transport=lambda t=transport: t)
        disable_nagle(cast(SSHConnector, SimpleNamespace(client=client)))
