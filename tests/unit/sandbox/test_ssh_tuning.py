import socket
from types import SimpleNamespace
from typing import cast

from pyinfra.connectors.ssh import SSHConnector

from minetlab.sandbox.ssh_tuning import tune, tune_every_connection


def connector_over(carrier):
    kept_alive: list[int] = []
    transport = SimpleNamespace(sock=carrier, set_keepalive=kept_alive.append)
    return SimpleNamespace(client=SimpleNamespace(get_transport=lambda: transport), kept_alive=kept_alive)


def option(connection, name):
    return connection.getsockopt(socket.IPPROTO_TCP, name)


def test_a_connection_over_tcp_is_quick_and_notices_a_host_that_is_gone():
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        assert option(client, socket.TCP_NODELAY) == option(client, socket.TCP_USER_TIMEOUT) == 0
        connector = connector_over(client)
        tune(connector)
        assert option(client, socket.TCP_NODELAY) != 0
        assert option(client, socket.TCP_USER_TIMEOUT) == 120_000
        assert connector.kept_alive == [15]


def test_a_connection_through_a_jump_host_is_only_kept_alive():
    connector = connector_over(object())
    tune(connector)
    assert connector.kept_alive == [15]


def test_a_connector_without_a_connection_is_left_as_it_is():
    tune(cast(SSHConnector, SimpleNamespace(client=None)))


def test_every_ssh_connection_of_pyinfra_is_tuned_once(monkeypatch):
    monkeypatch.setattr(SSHConnector, "_connect", lambda self: setattr(self, "connected", True))
    tune_every_connection()
    patched = SSHConnector._connect
    tune_every_connection()
    assert SSHConnector._connect is patched
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        connector = connector_over(client)
        patched(connector)
        assert connector.connected
        assert option(client, socket.TCP_NODELAY) != 0
