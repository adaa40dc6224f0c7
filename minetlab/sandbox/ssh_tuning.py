"""What the lab needs of SSH beyond what pyinfra does by itself."""

import socket

from pyinfra.connectors.ssh import SSHConnector

KEEPALIVE = 15
"""Seconds of silence after which something is sent, so that a host that has restarted can refuse it."""
SILENCE_LIMIT = 120
"""Seconds after which a host that acknowledges nothing is given up."""


def tune(connector: SSHConnector) -> None:
    """Send small packets at once, and notice a host that is gone instead of waiting for it for ever.

    :param connector: a connected one; behind a proxy command or a jump host it has no TCP socket of its own,
        and only the keepalive applies. Options: tcp(7).
    """
    transport = connector.client.get_transport() if connector.client else None
    if transport is None:
        return
    transport.set_keepalive(KEEPALIVE)
    if isinstance(transport.sock, socket.socket):
        transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE_LIMIT * 1000)


def tune_every_connection() -> None:
    """Have every SSH connection that pyinfra opens from now on tuned; calling it again changes nothing."""
    if getattr(SSHConnector._connect, "tunes", False):
        return
    connect = SSHConnector._connect

    def _connect(self: SSHConnector) -> None:
        connect(self)
        tune(self)

    _connect.tunes = True  # type: ignore[attr-defined]
    SSHConnector._connect = _connect  # type: ignore[method-assign]
