"""The lab as an Ansible inventory, for one-off commands on all machines of a kind."""

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from minetlab.inventory.hosts import CONTAINER_HOSTS, KVM_HOSTS, InventoryHost
from minetlab.plan import Container, Guest, Plan
from minetlab.ssh.ssh_config import alias_of

HEADER = "# Written by `lab export`: changes are lost. Names are those of the SSH configuration beside it.\n"


def inventory(plan: Plan, hosts: Iterable[InventoryHost], ssh_config: Path) -> str:
    """The inventory, in the YAML that Ansible's own plugin reads (``ansible.builtin.yaml``).

    Ansible reaches machines by the lab's SSH configuration, which knows addresses, jumps, accounts and keys.
    Of students it has the logins only: their names are free text, which Ansible would take for templates.

    :param hosts: the inventory's.
    :param ssh_config: the configuration that goes with it; an absolute path.
    """
    hosts = tuple(hosts)
    groups = {
        KVM_HOSTS: {alias_of(host.name): _of_host(host) for host in hosts if KVM_HOSTS in host.groups},
        CONTAINER_HOSTS: {
            alias_of(host.name): _of_host(host) for host in hosts if CONTAINER_HOSTS in host.groups
        },
        "guests": {guest.name: _of_guest(guest) for guest in plan.guests},
        "containers": {container.name: _of_container(container) for container in plan.containers},
    }
    content = {
        "all": {
            "vars": {"ansible_ssh_common_args": f"-F {shlex.quote(str(ssh_config))}"},
            "children": {name: {"hosts": members} for name, members in groups.items()},
        }
    }
    return HEADER + yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def _of_host(host: InventoryHost) -> Mapping[str, Any]:
    return {"ansible_become": True} if host.data.get("_sudo") else {}


def _of_guest(guest: Guest) -> Mapping[str, Any]:
    return {
        "minet_student": guest.student.login,
        "minet_host": alias_of(guest.host),
        "minet_address": str(guest.address.ip),
        "minet_mac": guest.mac,
    }


def _of_container(container: Container) -> Mapping[str, Any]:
    return {
        "minet_student": container.student.login,
        "minet_host": alias_of(container.host),
        "minet_tp_image": container.tp_image,
        "minet_ssh_port": container.ssh_port,
    }
