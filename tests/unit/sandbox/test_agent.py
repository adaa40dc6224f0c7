"""The guest agent's protocol, against a server that answers as qemu-ga does."""

import base64
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from minetlab.sandbox import agent, qmp

Answer = Callable[[dict[str, object]], object]


@contextmanager
def guest_agent(path: Path, answer: Answer, unread: bytes = b"") -> Iterator[list[dict[str, object]]]:
    """A server at ``path``; gives the requests that it gets.

    :param answer: what to return for a request.
    :param unread: what an earlier client has not read.
    """
    asked: list[dict[str, object]] = []
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen(1)

    def serve() -> None:
        client, _ = server.accept()
        with client, client.makefile("rwb") as stream:
            stream.write(unread)
            for line in stream:
                request = json.loads(line.rpartition(b"\xff")[2])
                asked.append(request)
                sentinel = b""
                if request["execute"] == "guest-sync-delimited":
                    sentinel, result = b"\xff", {"return": request["arguments"]["id"]}
                else:
                    result = answer(request)  # type: ignore[assignment]
                stream.write(sentinel + json.dumps(result).encode() + b"\n")
                stream.flush()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield asked
    server.close()
    thread.join(5)


def ended(**status: object) -> Answer:
    """Answers of a program that has ended at the second look."""
    looks = iter([{"exited": False}, {"exited": True, **status}])
    return lambda request: {"return": {"pid": 7} if request["execute"] == "guest-exec" else next(looks)}


def test_a_program_gets_its_arguments_and_input(tmp_path: Path) -> None:
    path = tmp_path / "agent.sock"
    with guest_agent(path, ended(exitcode=0)) as asked:
        agent.run(path, "sh", "-c", "true", stdin=b"\0secret", limit=10)
    started = asked[1]["arguments"]
    assert isinstance(started, dict)
    assert (started["path"], started["arg"]) == ("sh", ["-c", "true"])
    assert base64.b64decode(started["input-data"]) == b"\0secret"
    assert started["capture-output"] is True
    assert [each["execute"] for each in asked[2:]] == ["guest-exec-status"] * 2


def test_what_an_earlier_client_left_unread_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "agent.sock"
    with guest_agent(path, ended(exitcode=0), unread=b'{"return": {"pid": 1}}\nhalf a li') as asked:
        agent.run(path, "true", limit=10)
    assert len(asked) == 4


def test_a_program_that_fails_is_an_error_with_what_it_said(tmp_path: Path) -> None:
    path = tmp_path / "agent.sock"
    said = base64.b64encode(b"no such guest\n").decode()
    with (
        guest_agent(path, ended(exitcode=3, **{"err-data": said})),
        pytest.raises(OSError, match="virsh ended with 3: no such guest"),
    ):
        agent.run(path, "virsh", limit=10)


def test_a_program_that_is_killed_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "agent.sock"
    with guest_agent(path, ended(signal=9)), pytest.raises(OSError, match="ended with signal 9"):
        agent.run(path, "sh", limit=10)


def test_a_refused_command_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "agent.sock"
    refusal: Answer = lambda request: {"error": {"class": "CommandNotFound", "desc": "disabled"}}  # noqa: E731
    with guest_agent(path, refusal), pytest.raises(OSError, match="guest-exec: disabled"):
        agent.run(path, "true", limit=10)


def test_an_agent_that_says_nothing_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "agent.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen(1)
        with pytest.raises(OSError, match="timed out"):
            agent.run(path, "true", limit=0.2)


def test_a_program_that_does_not_end_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "agent.sock"
    goes_on: Answer = lambda request: {"return": {"pid": 7, "exited": False}}  # noqa: E731
    with guest_agent(path, goes_on), pytest.raises(OSError, match="sleep has not ended after"):
        agent.run(path, "sleep", limit=0.5)


def test_an_agent_that_has_no_room_for_us_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qmp, "QMP_LIMIT", 0.2)
    path = tmp_path / "agent.sock"
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as first:
        server.bind(str(path))
        server.listen(0)
        first.connect(str(path))
        with pytest.raises(OSError):
            agent.run(path, "/bin/true", limit=5)


def test_only_the_end_of_what_a_program_said_is_in_the_error(tmp_path: Path) -> None:
    path = tmp_path / "agent.sock"
    said = base64.b64encode(b"x" * 2000 + b"y" * 999).decode()
    with guest_agent(path, ended(exitcode=1, **{"err-data": said})), pytest.raises(OSError) as raised:
        agent.run(path, "virsh", limit=10)
    assert str(raised.value) == f"virsh ended with 1: x{'y' * 999}"


@pytest.mark.parametrize("status", [-1, 1, 255])
def test_any_status_but_0_is_an_error(tmp_path: Path, status: int) -> None:
    path = tmp_path / "agent.sock"
    with guest_agent(path, ended(exitcode=status)), pytest.raises(OSError, match=f"with {status}: $"):
        agent.run(path, "sh", limit=10)


def test_a_program_is_asked_for_less_often_the_longer_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "agent.sock"
    looks = iter([False] * 5 + [True])

    def answer(request: dict[str, object]) -> object:
        if request["execute"] == "guest-exec":
            return {"return": {"pid": 7}}
        return {"return": {"exited": next(looks), "exitcode": 0}}

    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    with guest_agent(path, answer):
        agent.run(path, "true", limit=10)
    assert slept == [0.05, 0.1, 0.25, 0.25, 0.25]


def test_an_agent_that_ends_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "agent.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen(1)

        def serve() -> None:
            client, _ = server.accept()
            with client:
                client.recv(2**16)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with pytest.raises(ConnectionError, match="the guest agent closed the connection"):
            agent.run(path, "true", limit=5)
        thread.join(5)


def test_an_agent_that_answers_slowly_is_given_up_at_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "agent.sock"
    goes_on: Answer = lambda request: {"return": {"pid": 7, "exited": False}}  # noqa: E731
    began = time.monotonic()
    with guest_agent(path, goes_on), pytest.raises(OSError):
        agent.run(path, "sleep", limit=0.6)
    assert 0.6 <= time.monotonic() - began < 1.4
