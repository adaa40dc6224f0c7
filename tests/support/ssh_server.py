"""A small SSH server (paramiko's), to log into with the real ssh: one account, one key."""

import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

import paramiko
from paramiko.common import (
    AUTH_FAILED,
    AUTH_SUCCESSFUL,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    OPEN_SUCCEEDED,
)

Address = tuple[str, int]


@dataclass
class SshServer:
    """Answers every command with its own account's name.

    :param host_key: private key in OpenSSH's format, as is the public ``client_key``.
    :param leads_to: what may be asked for through it, and where that really is.
    """

    user: str
    host_key: str
    client_key: str
    leads_to: Mapping[Address, Address] = field(default_factory=dict)
    asked_for: list[Address] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.socket.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self.socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transport.add_server_key(paramiko.Ed25519Key.from_private_key_file(self.host_key))
            transport.start_server(event=threading.Event(), server=_Session(self, transport))


class _Session(paramiko.ServerInterface):
    def __init__(self, server: SshServer, transport: paramiko.Transport) -> None:
        self.server, self.transport = server, transport

    def get_allowed_auths(self, username):
        return "publickey"

    def check_auth_publickey(self, username, key):
        known = username == self.server.user and key.get_base64() == self.server.client_key.split()[1]
        return AUTH_SUCCESSFUL if known else AUTH_FAILED

    def check_channel_request(self, kind, chanid):
        may = kind == "session" and not self.server.leads_to
        return OPEN_SUCCEEDED if may else OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_exec_request(self, channel, command):
        threading.Thread(target=self._answer, args=(channel,), daemon=True).start()
        return True

    def check_channel_direct_tcpip_request(self, chanid, origin, destination):
        self.server.asked_for.append(destination)
        if destination not in self.server.leads_to:
            return OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
        threading.Thread(target=self._lead, args=(destination,), daemon=True).start()
        return OPEN_SUCCEEDED

    def _answer(self, channel):
        channel.sendall(f"{self.server.user}\n".encode())
        channel.send_exit_status(0)
        channel.close()

    def _lead(self, destination):
        channel = self.transport.accept(30)
        there = socket.create_connection(self.server.leads_to[destination])
        for source, target in ((channel, there), (there, channel)):
            threading.Thread(target=_pump, args=(source, target), daemon=True).start()


def _pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    target.close()
