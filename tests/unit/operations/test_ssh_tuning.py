import socket
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pyinfra.connectors.base import BaseConnector
from pyinfra.connectors.ssh import SSHConnector

from minetlab.facts.lock import LockHolder
from minetlab.operations import lock, ssh_tuning
from minetlab.operations.ssh_tuning import tune
from minetlab.resources.lock import LOCK
from tests.support.fake_host import run_operation


def connector_over(carrier):
    kept_alive: list[int] = []
    transport = SimpleNamespace(sock=carrier, set_keepalive=kept_alive.append)
    connector = SSHConnector.__new__(SSHConnector)
    connector.client = cast(Any, SimpleNamespace(get_transport=lambda: transport))
    return connector, kept_alive


def option(connection, name):
    return connection.getsockopt(socket.IPPROTO_TCP, name)


def test_a_connection_over_tcp_is_quick_and_notices_a_host_that_is_gone():
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        assert option(client, socket.TCP_NODELAY) == option(client, socket.TCP_USER_TIMEOUT) == 0
        connector, kept_alive = connector_over(client)
        tune(connector)
        assert option(client, socket.TCP_NODELAY) != 0
        assert option(client, socket.TCP_USER_TIMEOUT) == 120_000
        assert kept_alive == [15]


def test_a_connection_through_a_jump_host_is_only_kept_alive():
    connector, kept_alive = connector_over(object())
    tune(connector)
    assert kept_alive == [15]


def test_a_connector_without_a_connection_is_left_as_it_is():
    connector = SSHConnector.__new__(SSHConnector)
    connector.client = None
    tune(connector)


@pytest.mark.parametrize(
    "operation", [partial(run_operation, lock.take, lab="minet"), partial(run_operation, lock.remove)]
)
def test_every_deploy_has_its_connections_tuned(monkeypatch, operation):
    tuned: list[BaseConnector] = []
    monkeypatch.setattr(ssh_tuning, "tune", tuned.append)
    operation({LockHolder().command(path=LOCK): [""]})
    assert tuned


def test_a_host_that_is_not_reached_over_ssh_is_left_as_it_is():
    tune(cast(BaseConnector, SimpleNamespace()))
