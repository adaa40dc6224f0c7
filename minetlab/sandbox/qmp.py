"""Talk to a running QEMU over its QMP socket (QEMU Machine Protocol: JSON lines, one answer a command)."""

import json
import os
import re
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

NETWORK = "net"
"""What the machine's network is called in its QEMU's command line."""
LIMIT = 10.0
"""Seconds for one answer: QEMU gives it from its main loop, at once."""
ENDED = frozenset({"none", "completed", "failed", "cancelled"})
"""What a migration is (QEMU's ``MigrationStatus``) while nothing is written."""


class RefusedError(OSError):
    """QEMU has tried to write or read a machine's memory, and says why it does not."""


def execute(path: Path, command: str, **arguments: Any) -> Any:
    """Run one QMP command and return its result.

    :param path: the socket.
    :raises OSError: nobody answers there, or QEMU refuses the command.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(LIMIT)
        connect(client, path)
        with client.makefile("rw", encoding="utf-8", newline="\n") as stream:
            if not stream.readline():
                raise ConnectionError(f"{path}: QEMU closed the connection")
            for request in ({"execute": "qmp_capabilities"}, {"execute": command, "arguments": arguments}):
                stream.write(json.dumps(request) + "\n")
                stream.flush()
                answer = _answer(stream.readline, path)
    return answer


def run_state(path: Path) -> str:
    """What the machine does: ``running``, ``paused``, ``postmigrate`` and others (QEMU's ``RunState``).

    :raises OSError: QEMU does not answer.
    """
    return str(execute(path, "query-status")["status"])


def migrate(path: Path, address: str, limit: float) -> None:
    """Write the memory of a machine that is stopped to an address of QEMU's migration.

    :param limit: seconds it may take.
    :raises OSError: QEMU fails or takes too long.
    """
    # The machine is stopped: nothing is gained by leaving bandwidth to others. Bytes a second.
    execute(path, "migrate-set-parameters", **{"max-bandwidth": 2**40})
    try:
        execute(path, "migrate", uri=address)
        _wait_for_migration(path, limit)
    except BaseException:  # Ctrl-C, too: a machine that runs while its memory is written stops at the end
        with suppress(OSError):
            cancel_migration(path)
        raise


def cancel_migration(path: Path) -> None:
    """End the writing of a machine's memory, if it is being written: the machine can go on after that.

    :raises OSError: QEMU does not answer, or does not end it.
    """
    execute(path, "migrate_cancel")
    latest = time.monotonic() + LIMIT
    while execute(path, "query-migrate").get("status", "none") not in ENDED:
        if time.monotonic() > latest:
            raise TimeoutError(f"{path}: QEMU still writes the machine's memory after {LIMIT:.0f} s")
        time.sleep(0.05)


def migrate_incoming(path: Path, address: str, limit: float) -> None:
    """Read the memory of a machine that was started to wait for it.

    :param limit: seconds it may take.
    :raises RefusedError: QEMU refuses the memory.
    :raises OSError: QEMU ends, or takes too long: the memory may be good.
    """
    execute(path, "migrate-incoming", uri=address, **{"exit-on-error": False})
    _wait_for_migration(path, limit)


def _wait_for_migration(path: Path, limit: float) -> None:
    latest = time.monotonic() + limit
    while (found := execute(path, "query-migrate")).get("status") != "completed":
        if found.get("status") in {"failed", "cancelled"}:
            raise RefusedError(found.get("error-desc") or f"{path}: QEMU says no more than {found['status']}")
        if time.monotonic() > latest:
            raise TimeoutError(f"{path}: no end after {limit:.0f} s")
        time.sleep(0.05)


def forwarded_port(path: Path, port: int = 22) -> int:
    """The loopback port that QEMU forwards to a TCP port of the machine, its SSH server's for example.

    :raises OSError: QEMU does not answer, or forwards none.
    """
    report = _monitor(path, "info usernet")
    found = re.search(rf"TCP\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)\s+\S+\s+{port}\s", report)
    if not found:
        raise ConnectionError(f"{path}: no forwarded port in {report!r}")
    return int(found[1])


def forward(path: Path, port: int, wanted: int = 0) -> int:
    """Have QEMU forward a loopback port to a TCP port of the machine, until that ends; returns the former.

    :param wanted: the loopback port, if it is free; 0: any that is.
    :raises OSError: QEMU does not answer, or will not.
    """
    with suppress(ConnectionError):
        return forwarded_port(path, port)
    for each in dict.fromkeys((wanted, 0)):  # 0: the kernel chooses a free one
        _monitor(path, f"hostfwd_add {NETWORK} tcp:127.0.0.1:{each}-:{port}")
        with suppress(ConnectionError):
            return forwarded_port(path, port)
    raise ConnectionError(f"{path}: QEMU forwards no port to {port}")


def _monitor(path: Path, command: str) -> str:
    return str(execute(path, "human-monitor-command", **{"command-line": command}))


def connect(client: socket.socket, path: Path) -> None:
    """Connect to a Unix socket, whatever the length of its path.

    :raises OSError: nobody listens there.
    """
    # The name of a Unix socket has at most 107 bytes (unix(7)), a state folder's path may have more.
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    end = time.monotonic() + LIMIT
    try:
        while True:
            try:
                client.connect(f"/proc/self/fd/{folder}/{path.name}")
                return
            except BlockingIOError:
                # QEMU talks with one client at a time, lets another wait, and has no room for more.
                if time.monotonic() > end:
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
