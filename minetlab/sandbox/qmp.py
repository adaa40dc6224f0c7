"""Talk to a running QEMU over its QMP socket (QEMU Machine Protocol: JSON lines, one answer a command)."""

import json
import os
import re
import socket
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

NETWORK = "net"
"""The id of the machine's network on QEMU's command line."""
QMP_LIMIT = 10.0
"""Seconds to wait for an answer; QEMU answers from its main loop, at once."""
ENDED = frozenset({"completed", "failed", "cancelled"})
"""The states in which a migration (QEMU's ``MigrationStatus``) ends."""


class RefusedError(OSError):
    """QEMU reports that it cannot write or read a machine's memory."""


def execute(path: Path, command: str, **arguments: Any) -> Any:
    """Run one QMP command and return its result.

    :param path: QEMU's QMP socket.
    :param command: the command's name, as in the "QEMU QMP Reference Manual".
    :param **arguments: the command's arguments.
    :return: the value that QEMU returns, decoded from JSON.
    :raises OSError: QEMU does not answer, or refuses the command.
    """
    with _connected(path) as run:
        return run({"execute": command, "arguments": arguments})


@contextmanager
def _connected(path: Path) -> Iterator[Callable[..., Any]]:
    """Provide a function that sends QEMU a request, with open files if need be, and returns the result."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(QMP_LIMIT)
        connect(client, path)
        with client.makefile("r", encoding="utf-8", newline="\n") as stream:
            if not stream.readline():
                raise ConnectionError(f"{path}: QEMU closed the connection")

            def run(request: Mapping[str, Any], *descriptors: int) -> Any:
                socket.send_fds(client, [json.dumps(request).encode() + b"\n"], descriptors)
                return _answer(stream.readline, path)

            run({"execute": "qmp_capabilities"})
            yield run


def run_state(path: Path) -> str:
    """Return the state of the machine, such as ``running``, ``paused`` or ``postmigrate``.

    :param path: QEMU's QMP socket.
    :return: a value of QEMU's ``RunState``.
    :raises OSError: QEMU does not answer.
    """
    return str(execute(path, "query-status")["status"])


def migrate(path: Path, memory: Path, limit: float) -> None:
    """Write the memory of a stopped machine.

    :param path: QEMU's QMP socket.
    :param memory: the file to write to, which exists.
    :param limit: seconds that it may take.
    :raises OSError: QEMU fails or takes too long.
    """
    # In bytes a second: no limit, as the machine is stopped and waits for this.
    execute(path, "migrate-set-parameters", **{"max-bandwidth": 2**40})
    try:
        _begin(path, "migrate", memory, os.O_WRONLY)
        _wait_for_migration(path, limit)
    except BaseException:  # Ctrl-C, too: QEMU would stop the machine at the end of the migration
        with suppress(OSError):
            cancel_migration(path)
        raise


def cancel_migration(path: Path) -> None:
    """Cancel the writing of a machine's memory, if it is being written, so that the machine can be resumed.

    :param path: QEMU's QMP socket.
    :raises OSError: QEMU does not answer, or does not cancel it in time.
    """
    execute(path, "migrate_cancel")
    _migration(path, {"none", *ENDED}, QMP_LIMIT, "still writes the machine's memory")


def migrate_incoming(path: Path, memory: Path, limit: float) -> None:
    """Read the memory of a machine that was started to wait for it.

    :param path: QEMU's QMP socket.
    :param memory: the file to read.
    :param limit: seconds that it may take.
    :raises RefusedError: QEMU refuses the memory.
    :raises OSError: QEMU ends or takes too long, so that the memory may still be good.
    """
    _begin(path, "migrate-incoming", memory, os.O_RDONLY, **{"exit-on-error": False})
    _wait_for_migration(path, limit)


def _begin(path: Path, command: str, memory: Path, flags: int, **arguments: Any) -> None:
    """Begin a migration to or from a file that is opened here, as QEMU's user may not open it."""
    descriptor = os.open(memory, flags)
    try:
        # In one connection: at its end, QEMU closes the files of which it has made no use.
        with _connected(path) as run:
            fdset = run({"execute": "add-fd"}, descriptor)["fdset-id"]
            run({"execute": command, "arguments": {"uri": f"file:/dev/fdset/{fdset}", **arguments}})
    finally:
        os.close(descriptor)


def _wait_for_migration(path: Path, limit: float) -> None:
    migration = _migration(path, ENDED, limit, "has not finished")
    if (status := migration["status"]) != "completed":
        reason = migration.get("error-desc") or f"{path}: QEMU gives no reason, only the status {status}"
        raise RefusedError(reason)


def _migration(path: Path, states: Collection[str], limit: float, problem: str) -> dict[str, str]:
    """Return the migration once it is in one of these states; ``none``: there was none."""
    deadline = time.monotonic() + limit
    while (migration := execute(path, "query-migrate")).get("status", "none") not in states:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{path}: QEMU {problem} after {limit:.0f} s")
        time.sleep(0.05)
    return dict(migration)


def forwarded_port(path: Path, port: int = 22) -> int:
    """Return the loopback port that QEMU forwards to a TCP port of the machine.

    :param path: QEMU's QMP socket.
    :param port: the machine's TCP port; 22 is that of its SSH server.
    :return: the loopback port.
    :raises OSError: QEMU does not answer, or forwards none.
    """
    report = _monitor(path, "info usernet")
    match = re.search(rf"TCP\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)\s+\S+\s+{port}\s", report)
    if not match:
        raise ConnectionError(f"{path}: no forwarded port in {report!r}")
    return int(match[1])


def forward(path: Path, port: int, preferred: int = 0) -> int:
    """Forward a loopback port to a TCP port of the machine, until its QEMU ends.

    :param path: QEMU's QMP socket.
    :param port: the machine's TCP port.
    :param preferred: the loopback port to use if it is free; 0: any free one.
    :return: the loopback port.
    :raises OSError: QEMU does not answer, or does not forward the port.
    """
    with suppress(ConnectionError):
        return forwarded_port(path, port)
    for local_port in dict.fromkeys((preferred, 0)):  # 0: the kernel chooses a free one
        _monitor(path, f"hostfwd_add {NETWORK} tcp:127.0.0.1:{local_port}-:{port}")
        with suppress(ConnectionError):
            return forwarded_port(path, port)
    raise ConnectionError(f"{path}: QEMU forwards no port to {port}")


def _monitor(path: Path, command: str) -> str:
    return str(execute(path, "human-monitor-command", **{"command-line": command}))


def connect(client: socket.socket, path: Path) -> None:
    """Connect to a Unix socket, whatever the length of its path.

    :param client: the socket to connect, with a timeout.
    :param path: the path of the server's socket.
    :raises OSError: nobody listens there, or the server is busy for too long.
    """
    # The path of a Unix socket has at most 107 bytes (unix(7)), and a state folder's may have more.
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    deadline = time.monotonic() + QMP_LIMIT
    try:
        while True:
            try:
                client.connect(f"/proc/self/fd/{folder}/{path.name}")
                return
            except BlockingIOError:
                # QEMU serves one client at a time, lets one more wait, and refuses the others.
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.05)
    finally:
        os.close(folder)


def _answer(readline: Any, path: Path) -> Any:
    while line := readline():
        message = json.loads(line)
        if "error" in message:
            raise OSError(f"{path}: {message['error']['desc']}")
        if "return" in message:
            return message["return"]
    raise ConnectionError(f"{path}: QEMU closed the connection")
