"""The TP site of a class, served by the lab's own web server and configuration."""

from collections.abc import Iterator

import pytest

from tests.support.isolation import USERS_CACHE
from tests.support.served_site import root, served, site, state

__all__ = ["root", "served", "site", "state"]


@pytest.fixture(scope="package", autouse=True)
def cache() -> Iterator[None]:
    """The user's own, which may have the web server's image."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MINETLAB_CACHE")
        if USERS_CACHE:
            patch.setenv("MINETLAB_CACHE", USERS_CACHE)
        yield
