"""What the lab needs of SSH beyond what pyinfra does by itself."""

import socket

from pyinfra.connectors.ssh import SSHConnector


def disable_nagle(connector: SSHConnector) -> None:
    """Send each small packet at once (``TCP_NODELAY``): an operation takes 20 ms instead of 115 ms.

    :param connector: a connected one; behind a proxy command or a jump host it has no TCP socket of its own,
        and is left as it is.
    """
    transport = connector.client.get_transport() if connector.client else None
    carrier = transport.sock if transport else None
    if isinstance(carrier, socket.socket):
        carrier.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def disable_nagle_everywhere() -> None:
    """Have every SSH connection that pyinfra opens from now on do so; calling it again changes nothing."""
    if getattr(SSHConnector._connect, "disables_nagle", False):
        return
    connect = SSHConnector._connect

    def _connect(self: SSHConnector) -> None:
        connect(self)
        disable_nagle(self)

    _connect.disables_nagle = True  # type: ignore[attr-defined]
    SSHConnector._connect = _connect  # type: ignore[method-assign]
