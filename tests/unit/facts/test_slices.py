"""What a container host says of the limits of slices."""

from minetlab.facts.slices import SliceLimits


def test_the_file_is_read_and_is_empty_where_there_is_none() -> None:
    assert SliceLimits().default() == SliceLimits().process([]) == ""
    assert SliceLimits().process(["[Slice]", "IOReadIOPSMax=/ 1"]) == "[Slice]\nIOReadIOPSMax=/ 1\n"
