"""The versions of the software on the hosts, taken from what the checks have read there anyway."""

import json
import re
from collections.abc import Iterable

from minetlab.checks.modules import Docker, Kernel, Libvirt
from minetlab.ssh.backend import Read

COMMANDS = (Kernel.RELEASE, Libvirt.VERSION, Docker.INFO)


def versions_of(read: Iterable[Read]) -> dict[str, dict[str, str]]:
    """Find the software versions of each host in what the checks have read.

    :param read: machine, command and output of everything that was read.
    :return: the hosts by alias; of each, the versions by name of the software.
    """
    versions: dict[str, dict[str, str]] = {}
    for machine, command, output in read:
        versions.setdefault(machine, {}).update(_versions(command, output))
    # Of guests and containers only the kernel's release is read: what has one version is no host.
    return {
        machine: dict(sorted(some.items())) for machine, some in sorted(versions.items()) if len(some) > 1
    }


def _versions(command: str, output: str) -> dict[str, str]:
    try:
        if command == Kernel.RELEASE:
            return {"kernel": output.strip()}
        if command == Libvirt.VERSION:
            return dict(re.findall(r"(?:Using library|Running hypervisor): (libvirt|QEMU) (\S+)", output))
        if command == Docker.INFO:
            info = json.loads(output)
            fields = {"system": "OperatingSystem", "kernel": "KernelVersion", "Docker": "ServerVersion"}
            return {name: info[field] for name, field in fields.items()}
    except (ValueError, KeyError):
        pass  # The check that has read this output fails by itself.
    return {}
