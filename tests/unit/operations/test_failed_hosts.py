"""A run with ``--no-wait`` in which one of two hosts fails, by pyinfra itself."""

from collections.abc import Iterator

import pytest
from gevent import get_hub
from pyinfra.api.config import Config
from pyinfra.api.connect import connect_all
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.inventory import Inventory
from pyinfra.api.operation import add_op
from pyinfra.api.operations import run_ops
from pyinfra.api.state import State
from pyinfra.connectors.fake import FakeConnector
from pyinfra.operations import server

from minetlab.operations import failed_hosts


@pytest.fixture(autouse=True)
def hub() -> Iterator[None]:
    """What gevent takes for no error is as it was before."""
    before = get_hub().NOT_ERROR
    yield
    get_hub().NOT_ERROR = before


@pytest.fixture
def state() -> State:
    """Two hosts, of which the second fails at whatever is called ``bad``."""
    fails = {"fake_responses": {"bad": {"success": False}}}
    data = {"fake_delay": 0, "fake_delay_jitter": 0}
    hosts = ["@fake/good", ("@fake/bad", fails)]
    inventory = Inventory((hosts, {}), override_data=data)  # type: ignore[no-untyped-call]
    state = State(inventory, Config(), check_for_changes=False)  # type: ignore[no-untyped-call]
    connect_all(state)
    failed_hosts.watch(state)
    return state


def ran_on(state: State, name: str) -> list[str]:
    connector = state.inventory.get_host(name).connector
    assert isinstance(connector, FakeConnector)
    return [command for command in connector.executed_commands if command.startswith("echo")]


def run(state: State, *commands: str, ignore: bool = False) -> None:
    for command in commands:
        add_op(state, server.shell, commands=[command], _ignore_errors=ignore)
    run_ops(state, no_wait=True)


def test_a_host_that_fails_is_recorded_and_does_nothing_more(state: State) -> None:
    run(state, "echo one", "echo bad", "echo three")
    assert {host.name for host in state.failed_hosts} == {"@fake/bad"}
    assert len(ran_on(state, "@fake/good")) == 3
    assert len(ran_on(state, "@fake/bad")) == 2


def test_a_failure_that_is_to_be_ignored_is_none(state: State) -> None:
    run(state, "echo bad", "echo two", ignore=True)
    assert not state.failed_hosts
    assert len(ran_on(state, "@fake/bad")) == 2


def test_a_host_that_failed_otherwise_begins_nothing_more(state: State) -> None:
    state.failed_hosts.add(state.inventory.get_host("@fake/good"))
    run(state, "echo one")
    assert (ran_on(state, "@fake/good"), len(ran_on(state, "@fake/bad"))) == ([], 1)


def test_a_run_is_watched_once_and_its_end_on_a_host_is_no_traceback(state: State) -> None:
    failed_hosts.watch(state)
    assert len(state.callback_handlers) == 1
    assert PyinfraError in get_hub().NOT_ERROR
