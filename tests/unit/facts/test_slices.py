"""What a container host says of the limits of slices."""

import pytest

from minetlab.facts.slices import DaemonSlice, SliceLimits


@pytest.mark.parametrize("fact", [SliceLimits(), DaemonSlice()])
def test_the_files_are_read_and_empty_where_there_is_none(fact: SliceLimits | DaemonSlice) -> None:
    assert fact.default() == fact.process([]) == ""
    assert fact.process(["[Slice]", "CPUWeight=10"]) == "[Slice]\nCPUWeight=10\n"
