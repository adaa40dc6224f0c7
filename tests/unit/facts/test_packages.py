"""What a host says of its Debian packages, and what is made of it."""

import pytest

from minetlab.facts.packages import DebianPackages, PackageState


def test_a_host_that_says_nothing_has_nothing() -> None:
    assert DebianPackages().default() == PackageState(debian=None, installed=frozenset())


@pytest.mark.parametrize(
    ("release", "debian"), [("debian 13", 13), ("debian 9", 9), ("ubuntu 24.04", None), ("debian ", None)]
)
def test_only_a_debian_has_a_release(release: str, debian: int | None) -> None:
    assert DebianPackages().process([release]).debian == debian


def test_only_what_is_installed_counts() -> None:
    lines = ["debian 13", "installed docker.io", "config-files apparmor", "installed pigz", "unpacked acl"]
    assert DebianPackages().process(lines).installed == {"docker.io", "pigz"}
