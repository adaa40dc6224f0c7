"""The versions of what runs on the hosts, from what the checks have read there anyway."""

import json
import re
from collections.abc import Iterable

from minetlab.checks.modules import Docker, Kernel, Libvirt
from minetlab.ssh.backend import Read

COMMANDS = (Kernel.RELEASE, Libvirt.VERSION, Docker.INFO)


def versions_of(read: Iterable[Read]) -> dict[str, dict[str, str]]:
    """What runs on each host: machine to thing to version.

    :param read: machine, command and output.
    """
    found: dict[str, dict[str, str]] = {}
    for machine, command, output in read:
        if versions := _versions(command, output):
            found.setdefault(machine, {}).update(versions)
    # A guest or a container says which kernel it has, and nothing else of this.
    return {machine: dict(sorted(each.items())) for machine, each in sorted(found.items()) if len(each) > 1}


def _versions(command: str, output: str) -> dict[str, str]:
    try:
        if command == Kernel.RELEASE:
            return {"noyau": output.strip()}
        if command == Libvirt.VERSION:
            return dict(re.findall(r"(?:Using library|Running hypervisor): (libvirt|QEMU) (\S+)", output))
        if command == Docker.INFO:
            info = json.loads(output)
            fields = {"système": "OperatingSystem", "noyau": "KernelVersion", "Docker": "ServerVersion"}
            return {name: info[field] for name, field in fields.items()}
    except (ValueError, KeyError):
        pass  # a check has said already that the answer is wrong
    return {}
