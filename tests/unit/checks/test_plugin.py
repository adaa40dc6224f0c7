"""What the pytest plugin of the verification does before checks run, with a session that only notes."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from minetlab.checks import plugin
from minetlab.checks.fixtures import SESSION


def collected(numprocesses: int = 0, **option: bool) -> tuple[list[str], list[set[tuple[str, str]]]]:
    """What is printed, and which machines are asked, once these checks are collected."""
    printed: list[str] = []
    asked: list[set[tuple[str, str]]] = []
    reporter = SimpleNamespace(write_line=printed.append)
    config = SimpleNamespace(
        option=SimpleNamespace(**{"collectonly": False, **option}),
        getoption=lambda name, default: numprocesses,
        pluginmanager=SimpleNamespace(getplugin=lambda name: reporter),
        stash={SESSION: SimpleNamespace(fetch=asked.append)},
    )
    items: list[Any] = [
        SimpleNamespace(callspec=SimpleNamespace(params=params))
        for params in (
            {"guest": "minet-alice"},
            {"guest": "minet-alice"},
            {"domain": "minet-bob"},
            {"kvm_host": "hv1", "measuring": None},
        )
    ]
    session = SimpleNamespace(config=config, items=[*items, SimpleNamespace()])
    plugin.pytest_collection_finish(cast(pytest.Session, session))
    return printed, asked


def test_machines_are_asked_once_before_their_checks() -> None:
    """A domain is looked at on its host: nothing inside the guest is asked."""
    printed, asked = collected()
    assert asked == [{("guest", "minet-alice"), ("kvm_host", "hv1")}]
    assert printed == ["asking 2 machines"]


def test_workers_ask_by_themselves_and_a_list_of_checks_asks_nobody() -> None:
    assert collected(numprocesses=4) == ([], [])
    assert collected(collectonly=True) == ([], [])
