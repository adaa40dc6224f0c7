"""Write a lab for native hosts, each of them a KVM host and a container host."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from pprint import pformat
from typing import Any

from benchmarks.native.hosts import NativeHosts
from benchmarks.native.machine import USER
from minetlab.images import Progress
from minetlab.images.cache import make_once
from minetlab.images.toolbox import ensure_toolbox
from minetlab.inventory.hosts import CONTAINER_HOSTS, KVM_HOSTS
from minetlab.util.files import make_folder
from minetlab.util.paths import cache_dir
from minetlab.util.process import run

# cli; hlt; and that again: a guest that boots this does nothing more, and its emulator is idle.
_BOOT_RECORD = b"\xfa\xf4\xeb\xfc".ljust(510, b"\0") + b"\x55\xaa"
_DISK_SIZE = 2**20
_KVM = {"guests_run": False, "guest_tps": [], "guest": {"memory": 256, "cores": 1, "disk": 3}}
_CONTAINERS = {
    "tp_images": ["processus"],
    # Docker refuses a limit for which the kernel counts nothing, as where control groups are of version 1.
    "container": {"cpus": None},
    "site_port": None,
    # The lab's network on a host has room for a thousand containers.
    "docker_address_pools": [{"base": "10.201.0.0/16", "size": 22}],
}


def firmware_image(progress: Progress) -> Path:
    """Make a qcow2 image from which a guest's firmware boots, but no operating system starts.

    :param progress: called with each line that says what is done.
    :return: the image in the cache.
    :raises LabError: the tools that make it cannot be installed.
    """

    def make(image: Path, scratch: Path) -> None:
        raw = scratch / "disk.raw"
        raw.write_bytes(_BOOT_RECORD.ljust(_DISK_SIZE, b"\0"))
        toolbox = ensure_toolbox(progress)
        run(toolbox.command("qemu-img", "convert", "-O", "qcow2", str(raw), str(image)), env=toolbox.env)

    folder = cache_dir() / "images"
    make_folder(folder)
    name = hashlib.sha256(_BOOT_RECORD).hexdigest()[:12]
    return make_once(folder / f"firmware-{name}.qcow2", make, "image without an operating system", progress)


def write_lab(
    hosts: NativeHosts,
    folder: Path,
    *,
    students: int,
    progress: Progress,
    name: str = "native",
    kvm: Mapping[str, Any] | None = None,
    containers: Mapping[str, Any] | None = None,
    groups: tuple[str, ...] = (KVM_HOSTS, CONTAINER_HOSTS),
) -> Path:
    """Write a lab's inventory, settings and roster.

    By default, each student has one container, and a guest with the image of :func:`firmware_image`. Guests
    are only defined, as a deploy would wait for an answer of a guest that it starts.

    :param hosts: the hosts of the lab.
    :param folder: the folder of the lab, which is made if it is missing.
    :param students: how many students the roster has.
    :param progress: called with each line that says what is done.
    :param name: the name of the lab.
    :param kvm: settings of the KVM hosts that differ from the default.
    :param containers: settings of the container hosts that differ from the default.
    :param groups: the inventory groups of the hosts.
    :return: the inventory file, for pyinfra and for ``lab``.
    :raises LabError: the image cannot be made.
    """
    image = firmware_image(progress)
    checksum = hashlib.sha256(image.read_bytes()).hexdigest()
    guest_image = {"guest_image": {"url": f"file://{image}", "sha256": checksum}}
    roster = folder / "students.csv"
    make_folder(folder / "group_data")
    for group, settings in {
        "all": {"lab_name": name, "roster": str(roster), "require_kvm": False, **_ssh_settings(hosts)},
        KVM_HOSTS: {**guest_image, **_KVM, **(kvm or {})},
        CONTAINER_HOSTS: {**_CONTAINERS, **(containers or {})},
    }.items():
        (folder / "group_data" / f"{group}.py").write_text(_assignments(settings))
    rows = (f"{login},Student {number}\n" for number, login in enumerate(logins(students), start=1))
    roster.write_text(f"login,name\n{''.join(rows)}")
    host_list = [(host.name, {"ssh_hostname": host.address}) for host in hosts]
    inventory = folder / "lab.py"
    inventory.write_text(_assignments(dict.fromkeys(groups, host_list)))
    return inventory


def logins(students: int) -> list[str]:
    """Return the logins of the roster with this number of students."""
    return [f"student{number:04}" for number in range(1, students + 1)]


def _ssh_settings(hosts: NativeHosts) -> dict[str, str]:
    return {
        "ssh_user": USER,
        "ssh_key": str(hosts.key),
        "ssh_known_hosts_file": str(hosts.known_hosts),
        "ssh_strict_host_key_checking": "yes",
        "ssh_config_file": os.devnull,
    }


def _assignments(values: Mapping[str, Any]) -> str:
    return "".join(f"{name} = {pformat(value)}\n" for name, value in values.items())
