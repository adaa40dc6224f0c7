"""What ``lab status`` refuses before it asks any host."""

from pathlib import Path

import pytest

from minetlab.cli import status
from minetlab.util.errors import LabError


def test_a_watched_state_cannot_be_json() -> None:
    with pytest.raises(LabError, match="--watch shows a table, and --json does not") as refused:
        status.show(Path("no inventory.py"), as_json=True, watch=True)
    assert "leave one of these options out" in str(refused.value)
