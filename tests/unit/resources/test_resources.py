"""What the objects of the package have in common."""

from minetlab import resources
from tests.support.frozen import dataclasses_of


def test_what_was_seen_or_decided_is_not_changed_afterwards() -> None:
    frozen = dataclasses_of(resources)
    assert [name for name, is_frozen in frozen.items() if not is_frozen] == []
    assert frozen
