"""A sandbox host with a process and a QMP server that stand in for its QEMU; fixtures of every unit test."""

import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from minetlab.sandbox.accelerator import Accelerator
from minetlab.sandbox.machine import HostRecord, SandboxHost
from minetlab.sandbox.spec import SandboxSpec

TCG = Accelerator("tcg", "for the test")
USERNET = (
    "Hub -1 (net):\r\n  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r\n"
    "  TCP[HOST_FORWARD]  14       127.0.0.1 35271       10.0.2.15    22     0     0\r\n"
)


def wait_for(condition: Callable[[], bool], limit: float = 30) -> None:
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Monitor(list[str]):
    """What a QMP server was asked for, and what it says that the machine does.

    :param state: of now; ``after_cont``: once it was let go on.
    :param migration: what becomes of a migration, answer by answer; the last one stays.
    """

    state = after_cont = "running"
    migration: tuple[str, ...] = ("none",)

    def answer(self) -> dict[str, object]:
        """The answer to the last command."""
        match self[-1]:
            case "quit":
                return {"error": {"desc": "no"}}
            case "add-fd":
                return {"return": {"fdset-id": 1, "fd": 9}}
            case "query-status":
                return {"return": {"status": self.state}}
            case "query-migrate":
                now, *later = self.migration
                self.migration = tuple(later) or (now,)
                return {"return": {"status": now}}
            case "cont":
                self.state = self.after_cont
        return {"return": USERNET}


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SandboxHost:
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path))
    machine = SandboxHost("hv1")
    machine.folder.mkdir()
    return machine


@pytest.fixture
def made(machine: SandboxHost) -> SandboxHost:
    """The machine, as one that was made whole."""
    machine.record = HostRecord(spec=SandboxSpec(), image=Path("/i"), image_sha256="0", accelerator=TCG)
    return machine


@pytest.fixture
def qemu(machine: SandboxHost) -> Iterator[subprocess.Popen[bytes]]:
    """A process that passes for the machine's QEMU: it has the pid file among its words."""
    pid_file = machine.folder / "qemu.pid"
    with subprocess.Popen(["sh", "-c", "sleep 60; :", "sh", str(pid_file)]) as process:
        pid_file.write_text(f"{process.pid}\n")
        # Popen returns at the exec; the kernel shows the new words a moment later.
        wait_for(lambda: machine.pid == process.pid)
        yield process
        process.kill()


@pytest.fixture
def monitor(machine: SandboxHost) -> Iterator[Monitor]:
    """A QMP server at the machine's socket; gives the commands that it was asked for."""
    asked = Monitor()
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(machine.qmp_socket))
    server.listen(1)  # as QEMU does

    def serve() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            with client, client.makefile("rw") as stream:
                print('{"QMP": {}}', file=stream, flush=True)
                for line in stream:
                    asked.append(json.loads(line)["execute"])
                    answer = asked.answer()
                    print(
                        json.dumps({"event": "RESUME"}), json.dumps(answer), sep="\n", file=stream, flush=True
                    )

    threading.Thread(target=serve, daemon=True).start()
    yield asked
    server.shutdown(socket.SHUT_RDWR)
    server.close()
