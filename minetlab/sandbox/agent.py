"""Run programs inside a sandbox host through its guest agent, before anybody is let in over SSH.

The agent is QEMU's own (qemu-ga); its protocol is that of QMP, one JSON object a line. The "QEMU Guest Agent
Protocol Reference" describes the commands.
"""

import base64
import json
import socket
import time
from contextlib import suppress
from functools import partial
from itertools import chain, repeat
from pathlib import Path
from typing import Any, BinaryIO, cast

from minetlab.sandbox.qmp import connect

POLL_INTERVALS = (0.05, 0.1, 0.25)
"""Seconds between two polls for the end of a program; on an emulated host, each poll slows the program."""


def run(path: Path, program: str, *arguments: str, stdin: bytes = b"", limit: float) -> None:
    """Run a program as root inside a host, and wait until it has ended.

    :param path: the agent's Unix socket on this machine.
    :param program: its path inside the host, or its name.
    :param *arguments: its arguments; other users of the host can see them.
    :param stdin: its standard input; secrets belong here.
    :param limit: seconds that it may take, including the start of the agent.
    :raises OSError: the agent does not answer in time, or the program fails; has the end of its error output.
    """
    deadline = time.monotonic() + limit
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(limit)  # else it would wait without end while another client is connected
        connect(client, path)
        with cast(BinaryIO, client.makefile("rwb")) as stream:
            _synchronize(client, stream, deadline)
            ask = partial(_ask, client, stream, deadline)
            data = {"input-data": base64.b64encode(stdin).decode(), "capture-output": True}
            started = ask("guest-exec", path=program, arg=list(arguments), **data)
            for interval in chain(POLL_INTERVALS, repeat(POLL_INTERVALS[-1])):
                status = ask("guest-exec-status", pid=started["pid"])
                if status["exited"]:
                    break
                if time.monotonic() > deadline:
                    raise OSError(f"{program} has not ended after {limit:.0f} s")
                time.sleep(interval)
    if status.get("exitcode") != 0:
        errors = base64.b64decode(status.get("err-data", "")).decode(errors="replace").strip()
        ending = status.get("exitcode", f"signal {status.get('signal')}")
        raise OSError(f"{program} ended with {ending}: {errors[-1000:]}")


def _synchronize(client: socket.socket, stream: BinaryIO, deadline: float) -> None:
    """Skip whatever an earlier connection has left unread, on both sides.

    The byte 0xFF makes the agent drop what it has read so far; the agent sends one before its answer.
    """
    number = time.monotonic_ns()  # another one at each call
    request = json.dumps({"execute": "guest-sync-delimited", "arguments": {"id": number}})
    stream.write(b"\xff" + request.encode() + b"\n")
    stream.flush()
    answer = None
    while answer != {"return": number}:
        with suppress(ValueError):
            answer = json.loads(_line(client, stream, deadline).rpartition(b"\xff")[2])


def _ask(client: socket.socket, stream: BinaryIO, deadline: float, command: str, **arguments: Any) -> Any:
    stream.write(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
    stream.flush()
    answer = json.loads(_line(client, stream, deadline))
    if "error" in answer:
        raise OSError(f"{command}: {answer['error'].get('desc')}")
    return answer["return"]


def _line(client: socket.socket, stream: BinaryIO, deadline: float) -> bytes:
    client.settimeout(max(0.01, deadline - time.monotonic()))
    line = stream.readline()
    if not line.endswith(b"\n"):
        raise ConnectionError("the guest agent closed the connection")
    return line
