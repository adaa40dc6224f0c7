"""What QEMU is asked for over QMP, and what is done where it fails or does not end."""

import json
import os
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from minetlab.sandbox import qmp
from minetlab.sandbox.machine import SandboxHost
from minetlab.sandbox.qmp import RefusedError, migrate, migrate_incoming

SOCKET, MEMORY = Path("qmp.sock"), Path("memory")


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """The commands that QEMU was sent; it says of its migration that it goes on."""
    sent: list[tuple[str, dict[str, Any]]] = []

    def execute(path: Path, command: str, **arguments: Any) -> Any:
        assert path == SOCKET
        sent.append((command, arguments))
        return {"status": "active" if ("migrate_cancel", {}) not in sent else "cancelled"}

    monkeypatch.setattr(qmp, "execute", execute)
    monkeypatch.setattr(qmp, "_begin", begin_in(sent))
    return sent


def begin_in(sent: list[tuple[str, dict[str, Any]]]) -> Any:
    """What begins no migration, and notes it."""

    def begin(path: Path, command: str, memory: Path, flags: int, **arguments: Any) -> None:
        sent.append((command, {"memory": memory, **arguments}))

    return begin


def test_a_migration_that_takes_too_long_is_cancelled(sent: list[tuple[str, dict[str, Any]]]) -> None:
    began = time.monotonic()
    with pytest.raises(TimeoutError, match="QEMU has not finished after 1 s"):
        migrate(SOCKET, MEMORY, limit=1)
    assert 1 <= time.monotonic() - began < 30
    assert sent[0] == ("migrate-set-parameters", {"max-bandwidth": 2**40})
    assert sent[1] == ("migrate", {"memory": MEMORY})
    assert [command for command, _ in sent[-2:]] == ["migrate_cancel", "query-migrate"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"status": "failed", "error-desc": "no room"}, "no room"),
        ({"status": "cancelled"}, "qmp.sock: QEMU gives no reason, only the status cancelled"),
    ],
)
def test_a_memory_that_qemu_refuses_is_said_in_its_words(
    monkeypatch: pytest.MonkeyPatch, answer: dict[str, str], reason: str
) -> None:
    monkeypatch.setattr(qmp, "execute", lambda *_, **__: answer)
    monkeypatch.setattr(qmp, "_begin", begin_in([]))
    with pytest.raises(RefusedError, match=f"^{reason}$"):
        migrate_incoming(SOCKET, MEMORY, limit=1)


def test_a_memory_is_loaded_by_a_qemu_that_outlives_a_refusal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[tuple[str, dict[str, Any]]] = []
    answers = iter(["setup", "active", "completed"])

    def execute(path: Path, command: str, **arguments: Any) -> Any:
        sent.append((command, arguments))
        return {"status": next(answers)} if command == "query-migrate" else {}

    monkeypatch.setattr(qmp, "execute", execute)
    monkeypatch.setattr(qmp, "_begin", begin_in(sent))
    migrate_incoming(SOCKET, MEMORY, limit=10)
    assert sent[0] == ("migrate-incoming", {"memory": MEMORY, "exit-on-error": False})
    assert [command for command, _ in sent[1:]] == ["query-migrate"] * 3


def test_a_migration_that_cannot_be_cancelled_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qmp, "QMP_LIMIT", 0.4)
    monkeypatch.setattr(qmp, "execute", lambda *_, **__: {"status": "cancelling"})
    began = time.monotonic()
    with pytest.raises(TimeoutError, match=r"qmp\.sock: QEMU still writes the machine's memory after 0 s"):
        qmp.cancel_migration(SOCKET)
    assert 0.4 <= time.monotonic() - began < 5


def test_where_nothing_is_written_nothing_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qmp, "QMP_LIMIT", 0.0)
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail("waits"))
    monkeypatch.setattr(qmp, "execute", lambda *_, **__: {})
    qmp.cancel_migration(SOCKET)


@pytest.mark.parametrize("said", [b"", b'{"QMP": {}}\n', b'{"QMP": {}}\n{"event": "STOP"}\n'])
def test_a_qemu_that_ends_is_an_error(machine: SandboxHost, said: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(machine.qmp_socket))
        server.listen(1)

        def serve() -> None:
            client, _ = server.accept()
            with client:
                client.sendall(said)
                client.shutdown(socket.SHUT_WR)
                client.recv(2**16)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with pytest.raises(ConnectionError, match=rf"^{machine.qmp_socket}: QEMU closed the connection$"):
            qmp.execute(machine.qmp_socket, "stop")
        thread.join(5)


def test_a_port_is_looked_for_where_qemu_forwards_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The port that was forwarded before is taken; so QEMU is asked for any."""
    forwarded: list[str] = []

    def monitor(path: Path, command: str) -> str:
        if command.startswith("hostfwd_add net tcp:127.0.0.1:0-:"):
            forwarded.append("  TCP[HOST_FORWARD]  9  127.0.0.1 4711  10.0.2.15  8080  0  0\r\n")
        asked.append(command)
        return "".join(forwarded)

    asked: list[str] = []
    monkeypatch.setattr(qmp, "_monitor", monitor)
    assert qmp.forward(SOCKET, 8080, 4000) == 4711
    assert asked[1::2] == [
        "hostfwd_add net tcp:127.0.0.1:4000-:8080",
        "hostfwd_add net tcp:127.0.0.1:0-:8080",
    ]
    with pytest.raises(ConnectionError, match="no forwarded port"):
        qmp.forwarded_port(SOCKET)
    asked.clear()
    forwarded.clear()
    assert qmp.forward(SOCKET, 8080) == 4711
    assert asked[1::2] == ["hostfwd_add net tcp:127.0.0.1:0-:8080"]


def test_a_busy_qemu_is_waited_for_and_not_for_ever(
    machine: SandboxHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qmp, "QMP_LIMIT", 0.4)
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as first:
        server.bind(str(machine.qmp_socket))
        server.listen(0)
        first.connect(str(machine.qmp_socket))
        began = time.monotonic()
        with socket.socket(socket.AF_UNIX) as second, pytest.raises(BlockingIOError):
            second.settimeout(0)
            qmp.connect(second, machine.qmp_socket)
        assert 0.4 <= time.monotonic() - began < 5


def test_a_command_is_sent_with_its_arguments(machine: SandboxHost) -> None:
    got: list[Any] = []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(machine.qmp_socket))
        server.listen(1)

        def serve() -> None:
            client, _ = server.accept()
            with client, client.makefile("rw") as stream:
                print('{"QMP": {}}', file=stream, flush=True)
                for line in stream:
                    got.append(json.loads(line))
                    print(json.dumps({"return": len(got)}), file=stream, flush=True)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        assert qmp.execute(machine.qmp_socket, "migrate", uri="file:/m") == 2
        thread.join(5)
    assert got == [{"execute": "qmp_capabilities"}, {"execute": "migrate", "arguments": {"uri": "file:/m"}}]


def test_a_memory_is_opened_here_and_handed_to_qemu(machine: SandboxHost, tmp_path: Path) -> None:
    """QEMU has the file in its hands, and closes it with the connection unless it makes use of it."""
    memory = tmp_path / "memory"
    memory.write_text("before")
    got: list[Any] = []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(machine.qmp_socket))
        server.listen(1)

        def serve() -> None:
            client, _ = server.accept()
            with client:
                client.sendall(b'{"QMP": {}}\n')
                for _ in range(3):
                    line, files, *_ = socket.recv_fds(client, 2**16, 1)
                    got.append(json.loads(line))
                    for file in files:
                        got.append(str(Path(f"/proc/self/fd/{file}").readlink()))
                        os.close(file)
                    client.sendall(b'{"return": {"fdset-id": 3}}\n')

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        qmp._begin(machine.qmp_socket, "migrate", memory, os.O_WRONLY)
        thread.join(5)
    assert got == [
        {"execute": "qmp_capabilities"},
        {"execute": "add-fd"},
        str(memory),
        {"execute": "migrate", "arguments": {"uri": "file:/dev/fdset/3"}},
    ]
    with pytest.raises(FileNotFoundError):
        qmp._begin(machine.qmp_socket, "migrate", tmp_path / "none", os.O_WRONLY)
    assert not (tmp_path / "none").exists()
