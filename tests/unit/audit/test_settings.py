"""Which settings can be weaker than their defaults."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from minetlab.audit.settings import NEUTRAL, WEAKER, beyond, more, other


def fields_of(settings: BaseModel, before: str = "") -> Iterator[str]:
    """The settings, with those in others as ``outer.inner``."""
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            yield from fields_of(value, f"{before}{name}.")
        else:
            yield f"{before}{name}"


@pytest.mark.parametrize("kind", list(WEAKER))
def test_of_each_setting_it_is_decided_whether_it_can_be_weaker(kind: Any) -> None:
    decided = [*WEAKER[kind], *NEUTRAL[kind]]
    assert sorted(decided) == sorted(fields_of(kind()))


@pytest.mark.parametrize(
    ("weaker", "value", "default", "expected"),
    [
        (more, 2, 1, True),
        (more, 1, 1.0, False),
        (more, None, 1, True),
        (more, 1, None, False),
        (more, None, None, False),
        (beyond, "open", (), True),
        (beyond, ("deb.debian.org",), (), True),
        (beyond, (), (), False),
        (beyond, (), ("NET_RAW",), False),
        (beyond, "open", "open", False),
        (other, "bridge", "nat", True),
        (other, "nat", "nat", False),
    ],
)
def test_what_is_weaker(weaker: Any, value: Any, default: Any, *, expected: bool) -> None:
    assert weaker(value, default) is expected
