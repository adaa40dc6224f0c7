"""What a container host says of home folders."""

from minetlab.facts.homes import Homes
from minetlab.resources.homes import HomesObserved


def test_a_host_without_any_has_none() -> None:
    assert Homes().default() == Homes().process([]) == HomesObserved()


def test_files_mounts_and_unit_are_read() -> None:
    """A container is mounted if both of its file systems are."""
    lines = [
        "size 1048576 minet-a-isa.img",
        "size 2097152 minet-b-isa.img",
        "mounted minet-a-isa",
        "mounted minet-b-isa.pts",
        "mounted minet-b-isa",
        "unit [Unit]",
        "unit Description=Homes",
        "enabled yes",
    ]
    assert Homes().process(lines) == HomesObserved(
        sizes={"minet-a-isa": 1048576, "minet-b-isa": 2097152},
        mounted=frozenset(["minet-b-isa"]),
        unit="[Unit]\nDescription=Homes\n",
        enabled=True,
    )
