"""The class whose TP site is tried, and a client of it."""

import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from minetlab.lab import ContainerHost, ContainerHostSettings, KvmHost, KvmHostSettings, Lab, Student

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


def unpack(archive: Path, folder: Path, *options: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["tar", "--extract", f"--file={archive}", f"--directory={folder}", *options], check=True)


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while process.poll() is None:
        try:
            ask(url).close()
        except URLError:
            assert time.monotonic() < deadline, f"{url} did not answer within 30 s"
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"nginx ended with {process.returncode}")


def ask(request: str | Request) -> Any:
    return urlopen(request, timeout=30)  # noqa: S310 (it is our own server)
