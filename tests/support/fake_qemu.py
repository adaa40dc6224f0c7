"""A program that stands in for QEMU: it runs no machine, but has its monitor, guest agent and SSH server.

Its first argument is the folder of the toolbox that it is in; the others are those of QEMU. What it does
otherwise than usual is in that folder's ``behaviour.json``; what it was asked is added to ``log.jsonl``.
"""

import base64
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(sys.argv[1])
ARGUMENTS = sys.argv[2:]
PAIRS = list(pairwise(ARGUMENTS))
LIFE = 120
"""Seconds after which it ends by itself, whoever has forgotten it."""


def behaviour(name: str) -> Any:
    """Return what a test has asked for, now; None: as usual."""
    file = ROOT / "behaviour.json"
    return json.loads(file.read_text()).get(name) if file.exists() else None


def values(option: str) -> list[str]:
    return [value for word, value in PAIRS if word == option]


def part(option: str, start: str) -> str:
    """Return what stands after ``start`` in a value of an option, up to the next comma."""
    (value,) = (value for value in values(option) if start in value)
    return value.split(start, 1)[1].replace(",,", "\0").split(",")[0].replace("\0", ",")


def note(host: str, did: str, **more: object) -> None:
    with (ROOT / "log.jsonl").open("a") as log:
        log.write(json.dumps({"host": host, "pid": os.getpid(), "did": did, **more}) + "\n")


class Machine:
    """What a QEMU knows of its machine."""

    def __init__(self) -> None:
        self.name = values("-name")[0]
        self.state = "inmigrate" if "-incoming" in ARGUMENTS else "running"
        self.migration: dict[str, str] = {}
        self.files: list[int] = []
        self.ssh = socket.create_server(("127.0.0.1", 0))
        self.forwards = {22: self.ssh.getsockname()[1]}

    def note(self, did: str, **more: object) -> None:
        note(self.name.removeprefix("minet-lab-"), did, **more)

    def monitor(self, command: str, arguments: dict[str, Any]) -> Any:
        """Do a command of QMP, and return what is answered."""
        self.note(command, **arguments)
        match command:
            case "query-status":
                return {"status": self.state}
            case "stop":
                self.state = "paused"
            case "cont":
                self.state = behaviour("after cont") or "running"
            case "add-fd":
                return {"fdset-id": len(self.files), "fd": self.files[-1]}
            case "migrate":
                self.migrate(arguments["uri"], "saving", "postmigrate")
            case "migrate-incoming":
                self.migrate(arguments["uri"], "loading", "paused")
            case "query-migrate":
                return self.migration
            case "human-monitor-command":
                return self.human(arguments["command-line"])
            case "system_powerdown" if not behaviour("stays up"):
                threading.Timer(0.1, os._exit, [0]).start()
        return {}

    def migrate(self, uri: str, what: str, then: str) -> None:
        file = self.files[int(uri.removeprefix("file:/dev/fdset/")) - 1]
        if reason := behaviour(what):
            self.migration = {"status": "failed", "error-desc": reason}
            return
        if what == "saving":
            os.write(file, f"memory of {self.name.removeprefix('minet-lab-')}".encode())
        content = Path(f"/proc/self/fd/{file}").read_text()  # whatever it was opened for
        self.note(f"{what} {content}")
        self.migration, self.state = {"status": "completed"}, then

    def human(self, line: str) -> str:
        if line.startswith("hostfwd_add net tcp:127.0.0.1:"):
            wanted, port = line.rpartition("127.0.0.1:")[2].split("-:")
            if int(wanted) not in (behaviour("taken") or ()):
                self.forwards[int(port)] = int(wanted) or 40000 + int(port)
            return ""
        return "".join(
            f"  TCP[HOST_FORWARD]  14       127.0.0.1 {local}       10.0.2.15    {port}     0     0\r\n"
            for port, local in self.forwards.items()
        )

    def agent(self, command: str, arguments: dict[str, Any]) -> Any:
        """Do a command of the guest agent, and return what is answered."""
        if command == "guest-sync-delimited":
            return arguments["id"]
        if command == "guest-exec":
            words = [word for word in [arguments["path"], *arguments["arg"]] if "\n" not in word]
            self.note("runs", words=words, stdin=arguments["input-data"])
            self.failure = next(
                (reason for word, reason in (behaviour("fails") or {}).items() if word in words), None
            )
            return {"pid": 7}
        if self.failure:
            data = base64.b64encode(self.failure.encode()).decode()
            return {"exited": True, "exitcode": 1, "err-data": data}
        return {"exited": True, "exitcode": 0}

    def greet(self) -> None:
        """Answer as the machine's SSH server does, while the machine runs."""
        while True:
            client, _ = self.ssh.accept()
            with client:
                if self.state == "running":
                    client.sendall((behaviour("ssh") or "SSH-2.0-stand-in\r\n").encode())

    def serve(self, server: socket.socket, do: Callable[[str, dict[str, Any]], Any], greeting: str) -> None:
        """Answer one client after the other, as QEMU does."""
        while True:
            client, _ = server.accept()
            with client:
                try:
                    if greeting:
                        client.sendall(greeting.encode() + b"\n")
                    elif behaviour("agent is gone"):
                        continue
                    self.answer(client, do)
                except OSError:
                    continue

    def answer(self, client: socket.socket, do: Callable[[str, dict[str, Any]], Any]) -> None:
        for line in self.lines(client):
            request = json.loads(line.rpartition(b"\xff")[2])
            returned = do(request["execute"], request.get("arguments", {}))
            sentinel = b"\xff" if request["execute"] == "guest-sync-delimited" else b""
            client.sendall(sentinel + json.dumps({"return": returned}).encode() + b"\n")

    def lines(self, client: socket.socket) -> Iterator[bytes]:
        """What a client says, line by line; the files that it sends are kept."""
        said = b""
        while True:
            data, files, *_ = socket.recv_fds(client, 2**16, 1)
            said += data
            self.files += files
            if not data:
                return
            *lines, said = said.split(b"\n")
            yield from lines


def listen(path: str) -> socket.socket:
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen(1)
    return server


def become_daemon() -> None:
    """Go on in a child; this process ends once the child has left the terminal."""
    reading, writing = os.pipe()
    if os.fork():
        os.close(writing)
        os.read(reading, 1)
        os._exit(0)
    os.setsid()
    os.close(reading)
    Path(values("-pidfile")[0]).write_text(f"{os.getpid()}\n")
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    os.write(writing, b"x")
    os.close(writing)


def main() -> None:
    if ARGUMENTS[-1] == "--version":
        print(f"QEMU emulator version {behaviour('version') or '11.1.3'}\nCopyright")
        return
    if refusal := behaviour("does not start"):
        sys.exit(refusal)
    signal.alarm(LIFE)
    if "-daemonize" not in ARGUMENTS:  # a trial boot, whose console is all that is looked at
        note("trial", "boots", arguments=ARGUMENTS)
        Path(part("-serial", "file:")).write_text(behaviour("console") or "")
        time.sleep(behaviour("trial takes") or 0)
        return
    if behaviour("hangs"):
        time.sleep(LIFE)
    qmp, agent = (
        listen(values("-qmp")[0].split(":")[1].split(",")[0]),
        listen(part("-chardev", "id=agent,path=")),
    )
    Path(part("-chardev", "id=console,path=")).write_text(behaviour("console") or "")
    become_daemon()
    machine = Machine()
    machine.note("starts", arguments=ARGUMENTS)
    services: list[tuple[Callable[..., None], tuple[object, ...]]] = [
        (machine.greet, ()),
        (machine.serve, (agent, machine.agent, "")),
        (machine.serve, (qmp, machine.monitor, '{"QMP": {}}')),
    ]
    for target, arguments in services:
        threading.Thread(target=target, args=arguments, daemon=True).start()
    if behaviour("dies"):
        return
    signal.pause()


if __name__ == "__main__":
    main()
