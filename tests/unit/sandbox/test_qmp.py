"""What QEMU is asked for over QMP, and what is done where it fails or does not end."""

import time
from pathlib import Path
from typing import Any

import pytest

from minetlab.sandbox import qmp
from minetlab.sandbox.qmp import RefusedError, migrate, migrate_incoming

SOCKET = Path("qmp.sock")


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """The commands that QEMU was sent; it says of its migration that it goes on."""
    sent: list[tuple[str, dict[str, Any]]] = []

    def execute(path: Path, command: str, **arguments: Any) -> Any:
        assert path == SOCKET
        sent.append((command, arguments))
        return {"status": "active" if ("migrate_cancel", {}) not in sent else "cancelled"}

    monkeypatch.setattr(qmp, "execute", execute)
    return sent


def test_a_migration_that_takes_too_long_is_cancelled(sent: list[tuple[str, dict[str, Any]]]) -> None:
    began = time.monotonic()
    with pytest.raises(TimeoutError, match="QEMU has not finished after 1 s"):
        migrate(SOCKET, "file:/memory", limit=1)
    assert 1 <= time.monotonic() - began < 30
    assert sent[0] == ("migrate-set-parameters", {"max-bandwidth": 2**40})
    assert sent[1] == ("migrate", {"uri": "file:/memory"})
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
    with pytest.raises(RefusedError, match=f"^{reason}$"):
        migrate_incoming(SOCKET, "file:/memory", limit=1)
