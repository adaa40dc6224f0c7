"""Who holds a host's lock, from what the host prints."""

import json

import pytest

from minetlab.resources.lock import Holder, parse

HOLDER = Holder(run="f00d", by="root@admin", lab="minet")
SOMEBODY = Holder(run="", by="somebody", lab="?")


@pytest.mark.parametrize("output", [[], [""], ["12", HOLDER.line]])
def test_a_lock_that_is_not_held_has_no_holder(output: list[str]) -> None:
    assert parse(output) is None


def test_the_holder_is_who_wrote_the_file_and_the_time_is_the_hosts() -> None:
    assert parse(iter(["held", "42", HOLDER.line])) == Holder("f00d", "root@admin", "minet", 42)
    assert parse(["held", "7", HOLDER.line, "more"]) == Holder("f00d", "root@admin", "minet", 7)


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["42"],
        ["much", HOLDER.line],
        ["42", "{"],
        ["42", "[]"],
        ["42", '{"run": "f00d"}'],
        ["42", '{"age": 1}'],
    ],
)
def test_whoever_has_not_yet_written_who_they_are_is_somebody(lines: list[str]) -> None:
    assert parse(["held", *lines]) == SOMEBODY


def test_a_holder_takes_one_line_of_json() -> None:
    assert json.loads(HOLDER.line) == {"run": "f00d", "by": "root@admin", "lab": "minet", "seconds": 0}
    assert "\n" not in HOLDER.line
