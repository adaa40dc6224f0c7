"""Settings of pyinfra's SSH connections."""

import socket

from pyinfra.connectors.base import BaseConnector
from pyinfra.connectors.ssh import SSHConnector

KEEPALIVE = 15
"""Seconds of silence after which a packet is sent, so that a host that has restarted can refuse it."""
SILENCE_LIMIT = 120
"""Seconds after which a connection ends if the host acknowledges nothing."""


def tune(connector: BaseConnector) -> None:
    """Send small packets at once, and end the connection if the host no longer answers: see tcp(7).

    :param connector: a host's connector, which is connected. If it does not use SSH, nothing is changed.
        Behind a proxy command or jump host it has no TCP socket, so that only the keepalive is set.
    """
    client = connector.client if isinstance(connector, SSHConnector) else None
    transport = client.get_transport() if client else None
    if transport is None:
        return
    transport.set_keepalive(KEEPALIVE)
    if isinstance(transport.sock, socket.socket):
        transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE_LIMIT * 1000)
