"""Machines that answer any command by the words in it, and run nothing but what is talked to."""

import subprocess
from collections.abc import Mapping
from dataclasses import replace
from typing import IO, Any

from testinfra.backend.base import CommandResult

from minetlab.checks.machines import ContainerMachine, GuestMachine
from minetlab.ssh.backend import Utf8, connect
from tests.support.recorded import RecordedLab


class AnsweringBackend(Utf8):
    """Answers a command by the first of these words that is in it, and any other with nothing.

    :param answers: the answers, by words; an error is raised in the machine's place.
    """

    NAME = "answering"

    def __init__(self, name: str, answers: Mapping[str, str | Exception]) -> None:
        super().__init__(name)
        self.answers = answers
        self.asked: list[str] = []

    def run(self, command: str, *args: str, **kwargs: Any) -> CommandResult:
        command = self.quote(command, *args)
        self.asked.append(command)
        answer = next((answer for words, answer in self.answers.items() if words in command), "")
        if isinstance(answer, Exception):
            return self.result(1, command.encode(), "", str(answer))
        return self.result(0, command.encode(), answer, "")

    def start(self, command: str, stdin: IO[bytes] | int = subprocess.PIPE) -> "subprocess.Popen[bytes]":
        """Start what the command's answer says, or what reads its input and ends well."""
        self.asked.append(command)
        script = next(
            (str(answer) for words, answer in self.answers.items() if words in command), "cat >/dev/null"
        )
        return subprocess.Popen(["sh", "-c", script], stdin=stdin, stdout=subprocess.PIPE)


class AnsweringLab:
    """A guest on a KVM host, and a container on a container host, each of which answers."""

    def __init__(self, **answers: Mapping[str, str | Exception]) -> None:
        lab = RecordedLab()
        self.backends = {
            name: AnsweringBackend(name, answers.get(name, {}))
            for name in ("kvm_host", "guest", "container_host", "container")
        }
        hosts = {name: connect(backend, transcript=lab.transcript) for name, backend in self.backends.items()}
        self.transcript = lab.transcript
        self.guest: GuestMachine = replace(
            lab.guest, host=hosts["guest"], host_machine=replace(lab.kvm_host, host=hosts["kvm_host"])
        )
        self.container: ContainerMachine = replace(
            lab.container,
            host=hosts["container"],
            host_machine=replace(lab.container_host, host=hosts["container_host"]),
        )

    def asked(self, name: str) -> str:
        """All that a machine was asked, a command a line."""
        return "\n".join(self.backends[name].asked)
