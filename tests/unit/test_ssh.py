import socket
from types import SimpleNamespace
from typing import cast

from pyinfra.connectors.ssh import SSHConnector

from minetlab.ssh import disable_nagle, disable_nagle_everywhere


def connector_over(carrier):
    transport = SimpleNamespace(sock=carrier)
    return SimpleNamespace(client=SimpleNamespace(get_transport=lambda: transport))


def test_a_connection_over_tcp_sends_small_packets_at_once():
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        assert client.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 0
        disable_nagle(connector_over(client))
        assert client.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


def test_a_connection_through_a_jump_host_is_left_as_it_is():
    disable_nagle(connector_over(object()))
    disable_nagle(cast(SSHConnector, SimpleNamespace(client=None)))


def test_every_ssh_connection_of_pyinfra_does_so_once_the_sandbox_connector_is_known(monkeypatch):
    monkeypatch.setattr(SSHConnector, "_connect", lambda self: setattr(self, "connected", True))
    disable_nagle_everywhere()
    patched = SSHConnector._connect
    disable_nagle_everywhere()
    assert SSHConnector._connect is patched
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        connector = connector_over(client)
        patched(connector)
        assert connector.connected
        assert client.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
