"""Run operations on a host of pyinfra's ``@fake`` connector, as a deploy would."""

import base64
import io
import os
import subprocess
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyinfra.api.command import StringCommand
from pyinfra.api.config import Config
from pyinfra.api.connect import connect_all
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.host import Host
from pyinfra.api.inventory import Inventory
from pyinfra.api.operation import add_op
from pyinfra.api.operations import run_ops
from pyinfra.api.state import State
from pyinfra.connectors.fake import FakeConnector

from minetlab.facts.libvirt import VIRSH


@dataclass(frozen=True)
class Run:
    """What came of it.

    :param commands: what the host ran while the operation did, facts included: of those that it was sent at
        once, to run side by side, each.
    :param round_trips: how many times it was sent anything.
    :param files: the files that were sent to it, by path, in archives.
    :param changed: whether the operation counts as a change.
    :param failed: whether the host failed.
    :param noops: why there was nothing to do, as operations say it.
    """

    commands: list[str]
    changed: bool
    failed: bool
    round_trips: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    noops: tuple[str, ...] = ()

    @property
    def idle(self) -> bool:
        """Whether the operations had nothing to do, and said so."""
        return bool(self.noops) and not self.changed and not self.failed

    def sent(self, words: str) -> list[str]:
        """The commands that begin with these words."""
        return [command for command in self.commands if command.startswith(words)]


Operation = Callable[..., Any]


def run_operation(
    operation: Operation,
    responses: Mapping[Any, Any],
    *,
    diff: bool = False,
    hosts: int = 1,
    **arguments: Any,
) -> Run:
    """Run the operation against a host that answers commands as ``responses`` says (see ``@fake``).

    :param hosts: how many such hosts there are; what is returned is of the first.
    """
    return run_operations([(operation, arguments)], responses, diff=diff, hosts=hosts)


def run_operations(
    operations: Sequence[tuple[Operation, Mapping[str, Any]]],
    responses: Mapping[Any, Any],
    *,
    diff: bool = False,
    hosts: int = 1,
) -> Run:
    """The same of several, in one run, with the arguments of each; it has changed if one of them has."""
    data = {"fake_responses": dict(responses), "fake_delay": 0, "fake_delay_jitter": 0}
    names = [f"@fake/ct{number + 1}" for number in range(hosts)]
    inventory = Inventory((names, {}), override_data=data)  # type: ignore[no-untyped-call]
    state = State(inventory, Config(DIFF=diff), check_for_changes=False)  # type: ignore[no-untyped-call]
    connect_all(state)
    host = inventory.get_host(names[0])
    assert isinstance(host.connector, FakeConnector)
    sent, noops = _record(host.connector), _record_noops(host)
    metas = [add_op(state, operation, **arguments)[host] for operation, arguments in operations]
    failed = False
    try:
        run_ops(state)
    except PyinfraError:  # of one host, none remains
        failed = True
    return Run(
        [each for command, fed in sent for each in _run_by(command, fed)],
        changed=not failed and any(meta.did_change() for meta in metas),
        failed=failed,
        round_trips=len(sent),
        files=dict(file for command, fed in sent if fed and "tar " in command for file in _of_tar(fed)),
        noops=tuple(noops),
    )


def _record(connector: FakeConnector) -> list[tuple[str, bytes]]:
    """Have what the host is sent kept from now on: commands, and what each reads from its standard input."""
    sent: list[tuple[str, bytes]] = []
    run = connector.run_shell_command

    def recorded(command: Any, *words: Any, **arguments: Any) -> Any:
        answer = run(command, *words, **arguments)
        sent.append((connector.executed_commands[-1], base64.b64decode(arguments.get("_stdin") or "")))
        return answer

    connector.run_shell_command = recorded  # type: ignore[method-assign]
    return sent


def _record_noops(host: Host) -> list[str]:
    """Have kept from now on for what reasons operations do nothing."""
    noops: list[str] = []
    say = host.noop

    def recorded(description: str) -> None:
        noops.append(description)
        say(description)

    host.noop = recorded  # type: ignore[method-assign]
    return noops


def _run_by(command: str, fed: bytes) -> list[str]:
    if "xargs" not in command:
        return [command]
    things = fed.decode().split("\0")
    return [f"virsh {thing}" for thing in things] if VIRSH in command else things


def _of_tar(archive: bytes) -> Iterable[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            if content := tar.extractfile(member):
                yield member.name, content.read()


def run_by_a_host(command: StringCommand, virsh: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run a command as a host would, with this script for its virsh."""
    (folder / "virsh").write_text(f"#!/bin/sh\n{virsh}\n")
    (folder / "virsh").chmod(0o755)
    return subprocess.run(
        ["/bin/sh", "-c", str(command)],
        env={"PATH": f"{folder}:{os.environ['PATH']}"},
        input=str(command.connector_arguments.get("_stdin", "")),
        capture_output=True,
        text=True,
        check=False,
    )
