"""What a host prints of the modules that its kernel loads on demand."""

import pytest

from minetlab.facts.autoload import Autoload
from minetlab.resources.autoload import AutoloadObserved


@pytest.mark.parametrize(
    ("lines", "observed"),
    [
        ([], AutoloadObserved()),
        (["loader /sbin/modprobe"], AutoloadObserved(loader="/sbin/modprobe")),
        (
            ["unit [Unit]", "unit Description=…", "enabled yes", "loader "],
            AutoloadObserved("[Unit]\nDescription=…\n", enabled=True, loader=""),
        ),
    ],
)
def test_what_is_printed_is_parsed(lines: list[str], observed: AutoloadObserved) -> None:
    assert Autoload().process(lines) == observed
