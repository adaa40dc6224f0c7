"""The TP site of a class, served by the lab's own web server and configuration, and a browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from minetlab.secrets import passwords
from minetlab.secrets.passwords import Account
from tests.e2e.browser import chromium
from tests.support.served_site import root, served, site, state

__all__ = ["root", "served", "site", "state"]


@pytest.fixture(scope="package")
def instructor(state: None) -> Account:
    return passwords.instructor("minet")


@pytest.fixture(scope="package")
def student(state: None) -> Account:
    return passwords.student("minet", "s07")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser
