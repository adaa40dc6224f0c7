"""The settings of hosts: what is taken, and what is refused."""

import pytest

from minetlab.lab import ContainerHostSettings


@pytest.mark.parametrize("port", [None, 0, 80, 8080])
def test_ports(port: int | None) -> None:
    assert ContainerHostSettings(site_port=port).site_port == port


@pytest.mark.parametrize("port", [-1, 20000, 65536])
def test_ports_that_cannot_be(port: int) -> None:
    with pytest.raises(ValueError, match="site_port"):
        ContainerHostSettings(site_port=port)
