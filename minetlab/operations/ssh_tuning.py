"""What the lab needs of SSH beyond what pyinfra does by itself."""

import socket

from pyinfra.connectors.base import BaseConnector
from pyinfra.connectors.ssh import SSHConnector

KEEPALIVE = 15
"""Seconds of silence after which something is sent, so that a host that has restarted can refuse it."""
SILENCE_LIMIT = 120
"""Seconds after which a host that acknowledges nothing is given up."""


def tune(connector: BaseConnector) -> None:
    """Send small packets at once, and notice a host that is gone instead of waiting for it for ever.

    :param connector: a connected one; of others than SSH's, nothing is changed. Behind a proxy command or a
        jump host it has no TCP socket of its own, and only the keepalive applies. Options: tcp(7).
    """
    client = connector.client if isinstance(connector, SSHConnector) else None
    transport = client.get_transport() if client else None
    if transport is None:
        return
    transport.set_keepalive(KEEPALIVE)
    if isinstance(transport.sock, socket.socket):
        transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE_LIMIT * 1000)
