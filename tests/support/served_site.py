"""The TP site of a class, served by the lab's own web server and configuration, and a client of it."""

import os
import re
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import create_connection, create_server
from typing import Any
from urllib.request import Request, urlopen

import pytest

from minetlab.images import build_rootfs
from minetlab.images.toolbox import Toolbox
from minetlab.lab import ContainerHost, ContainerHostSettings, KvmHost, KvmHostSettings, Lab, Student
from minetlab.operations import specs
from minetlab.plan import allocate
from minetlab.resources.site import PORT, SECRETS_ROOT, SITE_ROOT, STATUS_ROOT
from minetlab.secrets.certificates import site_certificate
from minetlab.site import server
from minetlab.site.build import Site, build, site_of

SHEET = "tp/conteneur.html"


CLASS = Lab(
    name="minet",
    students=tuple(Student(login=f"s{each:02}", name=f"Élève Numéro {each}") for each in range(30)),
    kvm_hosts=(KvmHost(name="hv1.example.org", settings=KvmHostSettings(guest_tps=("vm", "conteneur"))),),
    container_hosts=(
        ContainerHost(name="ct1.example.org", settings=ContainerHostSettings(tp_images=("isa", "processus"))),
        ContainerHost(name="ct2.example.org", settings=ContainerHostSettings(tp_images=("isa", "processus"))),
    ),
)


@pytest.fixture(scope="package", autouse=True)
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Passwords and certificates are the tests' own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINETLAB_STATE", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="package")
def site() -> Site:
    return site_of(CLASS, allocate(CLASS))


@pytest.fixture(scope="package")
def root(site: Site, state: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The web server's root file system, with the site where its container has it."""
    root = tmp_path_factory.mktemp("site")
    installed(site, root)
    return root


@pytest.fixture(scope="package")
def served(root: Path) -> Iterator[str]:
    """The site's URL."""
    with serving(root) as url:
        yield url


def installed(site: Site, root: Path, lab: Lab = CLASS) -> None:
    """Unpack the web server's image here, with the site and its secrets where its container has them."""
    # By tar(1): Debian 12's Python has no filters for what is unpacked, and later ones demand one.
    _unpack(build_rootfs(server.recipe(), print), root, "--exclude=./dev/*")
    _unpack(build(site, print), root / SITE_ROOT[1:], "--no-same-owner")
    (root / STATUS_ROOT[1:]).mkdir()
    secrets = root / SECRETS_ROOT[1:]
    secrets.mkdir()
    for path, file in (specs.site_users(lab) | specs.site_tls(lab, lab.container_hosts[0])).items():
        (secrets / Path(path).name).write_bytes(file.content)


@contextmanager
def serving(root: Path, changed: Callable[[str], str] = str) -> Iterator[str]:
    """The site's URL: nginx runs here out of its image, its configuration's port and paths moved.

    :param changed: what else is done to the configuration.
    """
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder = root / "etc" / "minet-lab"
    moved = (folder / "nginx.conf").read_text().replace(f"listen {PORT}", f"listen 127.0.0.1:{port}")
    moved = re.sub(r" (/(tmp|srv|etc)/)", rf" {root}\1", moved).replace("nginx.pid", f"{port}.pid")
    config = folder / f"{port}.conf"
    config.write_text(changed(moved))
    # As root, nginx would change to a user who cannot read this folder.
    words = ["-g", "user root;"] if os.geteuid() == 0 else []
    command = Toolbox(root).command("nginx", "-e", "stderr", "-c", str(config), *words)
    url = f"https://127.0.0.1:{port}/"
    with subprocess.Popen(command) as nginx:
        try:
            _wait_for(port, nginx)
            yield url
        finally:
            nginx.terminate()


def port_of(url: str) -> int:
    return int(url.rstrip("/").rpartition(":")[2])


def ask(request: str | Request) -> Any:
    """What the site answers to a client that knows the lab's CA, and no other."""
    return urlopen(request, timeout=30, context=knowing_the_ca())  # noqa: S310 (it is our own server)


def knowing_the_ca() -> ssl.SSLContext:
    """What a client needs to speak TLS with the site."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=site_certificate(CLASS, CLASS.container_hosts[0]).anchor.pem)
    return context


def _unpack(archive: Path, folder: Path, *options: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["tar", "--extract", f"--file={archive}", f"--directory={folder}", *options], check=True)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while process.poll() is None:
        try:
            create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, "nginx did not answer within 30 s"
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"nginx ended with {process.returncode}")
