"""Run operations on a host of pyinfra's ``@fake`` connector, as a deploy would."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyinfra.api.config import Config
from pyinfra.api.connect import connect_all
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.inventory import Inventory
from pyinfra.api.operation import add_op
from pyinfra.api.operations import run_ops
from pyinfra.api.state import State
from pyinfra.connectors.fake import FakeConnector


@dataclass(frozen=True)
class Run:
    """What came of it.

    :param commands: the commands the host was sent while the operation ran, facts included.
    :param changed: whether the operation counts as a change.
    :param failed: whether the host failed.
    """

    commands: list[str]
    changed: bool
    failed: bool

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
    commands = host.connector.executed_commands
    metas = [add_op(state, operation, **arguments)[host] for operation, arguments in operations]
    try:
        run_ops(state)
    except PyinfraError:  # of one host, none remains
        return Run(commands, changed=False, failed=True)
    return Run(commands, changed=any(meta.did_change() for meta in metas), failed=False)
