"""The TP site of a class, served by the lab's own web server and configuration, and a browser."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from socket import create_server

import pytest
from playwright.sync_api import Browser

from minetlab.images import build_rootfs
from minetlab.images.toolbox import Toolbox
from minetlab.operations import specs
from minetlab.plan import allocate
from minetlab.resources.site import PORT, SITE_ROOT, STATUS_ROOT, USERS_ROOT
from minetlab.secrets import passwords
from minetlab.secrets.passwords import Account
from minetlab.site import server
from minetlab.site.build import Site, build, site_of
from tests.e2e.browser import chromium
from tests.e2e.site.served import CLASS, unpack, wait_for


@pytest.fixture(scope="package", autouse=True)
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Passwords are the tests' own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINETLAB_STATE", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="package")
def instructor(state: None) -> Account:
    return passwords.instructor("minet")


@pytest.fixture(scope="package")
def student(state: None) -> Account:
    return passwords.student("minet", "s07")


@pytest.fixture(scope="package")
def site() -> Site:
    return site_of(CLASS, allocate(CLASS))


@pytest.fixture(scope="package")
def root(site: Site, state: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The web server's root file system, with the site where its container has it."""
    root = tmp_path_factory.mktemp("site")
    # By tar(1): Debian 12's Python has no filters for what is unpacked, and later ones demand one.
    unpack(build_rootfs(server.recipe(), print), root, "--exclude=./dev/*")
    unpack(build(site, print), root / SITE_ROOT[1:], "--no-same-owner")
    (root / STATUS_ROOT[1:]).mkdir()
    users = root / USERS_ROOT[1:]
    users.mkdir()
    for path, file in specs.site_users(CLASS).items():
        (users / Path(path).name).write_bytes(file.content)
    return root


@pytest.fixture(scope="package")
def served(root: Path) -> Iterator[str]:
    """The site's URL: nginx runs here out of its image, its configuration's port and paths moved."""
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = root / "etc" / "minet-lab" / "nginx.conf"
    moved = config.read_text().replace(f"listen {PORT}", f"listen 127.0.0.1:{port}")
    config.write_text(re.sub(r" (/(tmp|srv|etc)/)", rf" {root}\1", moved))
    # As root, nginx would change to a user who cannot read this folder.
    words = ["-g", "user root;"] if os.geteuid() == 0 else []
    command = Toolbox(root).command("nginx", "-e", "stderr", "-c", str(config), *words)
    with subprocess.Popen(command) as nginx:
        try:
            wait_for(f"http://127.0.0.1:{port}/", nginx)
            yield f"http://127.0.0.1:{port}/"
        finally:
            nginx.terminate()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser
