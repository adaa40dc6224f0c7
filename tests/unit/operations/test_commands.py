"""What operations yield, run by pyinfra on a host that answers from a script."""

from collections.abc import Iterator
from typing import Any

import pytest
from pyinfra.api.command import FunctionCommand, PyinfraCommand, StringCommand
from pyinfra.api.host import Host

from minetlab.operations.commands import (
    attempt,
    connector_arguments,
    lab_operation,
    none_failed,
)
from minetlab.util.errors import LabError
from tests.support.fake_host import Run, run_operation


@lab_operation
def attempts(
    words: tuple[str, ...], failures: list[str], seen: list[dict[str, Any]]
) -> Iterator[PyinfraCommand]:
    """Attempt each of these commands, then fail if one of them has."""

    def look(state: Any, host: Host) -> bool:
        seen.append(connector_arguments(host))
        return True

    for word in words:
        yield FunctionCommand(attempt, (StringCommand(word, _stdin="Zm9y"), failures), {})
    yield FunctionCommand(look, (), {})
    yield FunctionCommand(none_failed, (failures,), {})


def run(*words: str, **arguments: Any) -> tuple[Run, list[str], list[dict[str, Any]]]:
    failures: list[str] = []
    seen: list[dict[str, Any]] = []
    responses = {
        "loud": {"success": False, "stdout": ["and more"], "stderr": ["it broke"]},
        "quiet": {"success": False, "stdout": ["it broke too"]},
    }
    more = {"words": words, "failures": failures, "seen": seen, **arguments}
    return run_operation(attempts, responses, **more), failures, seen


def test_every_attempt_is_made_and_then_the_operation_fails(caplog: pytest.LogCaptureFixture) -> None:
    result, failures, _ = run("loud", "quiet", "well")
    assert (result.commands, result.failed) == (["loud", "quiet", "well"], True)
    assert failures == ["it broke", "it broke too"], "what it says of errors, or else what it says at all"
    assert "it broke too" in caplog.text


def test_attempts_that_succeed_are_a_change() -> None:
    result, failures, _ = run("well")
    assert (result.changed, result.failed, failures) == (True, False, [])


def test_attempts_are_made_as_the_user_as_whom_the_operation_runs() -> None:
    _, _, (arguments,) = run("well", _sudo=True, _sudo_user="root")
    assert (arguments["_sudo"], arguments["_sudo_user"]) == (True, "root")
    assert "name" not in arguments


@lab_operation
def has_no_room(needed: int) -> Iterator[PyinfraCommand]:
    """Begin, and find that there is no room."""
    yield StringCommand("begin")
    raise LabError(f"{needed} MiB are missing", next_step="free some disk")


def test_an_operation_that_raises_fails_its_host_and_shows_what_to_do(
    caplog: pytest.LogCaptureFixture,
) -> None:
    result = run_operation(has_no_room, {}, needed=7)
    assert (result.commands, result.failed) == (["begin"], True)
    assert "7 MiB are missing\n  → free some disk" in caplog.text


def test_an_operation_keeps_its_name_and_its_description() -> None:
    assert has_no_room.__name__ == "has_no_room"  # type: ignore[attr-defined]
    assert has_no_room.__doc__ == "Begin, and find that there is no room."


def test_an_attempt_over_a_connection_that_is_lost_is_a_failed_one(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def lost(*_: Any, **__: Any) -> Any:
        raise OSError("Socket is closed")

    monkeypatch.setattr(Host, "run_shell_command", lost)
    result, failures, _ = run("well")
    assert (result.failed, failures) == (True, ["the connection was lost: Socket is closed"])
    assert failures[0] in caplog.text
