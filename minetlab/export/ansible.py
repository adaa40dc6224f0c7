"""The lab as an Ansible inventory, for one-off commands on all machines of a kind."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from minetlab.inventory.hosts import CONTAINER_HOSTS, KVM_HOSTS, InventoryHost
from minetlab.plan import Container, Guest, Plan
from minetlab.ssh.ssh_config import alias_of

HEADER = "# Written by `lab export`: changes are lost. Names are those of the SSH configuration beside it.\n"


def inventory(plan: Plan, hosts: Sequence[InventoryHost], ssh_config: Path) -> str:
    """Write the lab's machines as YAML for Ansible's inventory plugin ``ansible.builtin.yaml``.

    Ansible reaches the machines by the lab's SSH configuration, which has their addresses, jumps, accounts
    and keys. Students appear by their logins only: their names are free text, and Ansible reads that as a
    template.

    :param plan: the guests and containers.
    :param hosts: the hosts of the lab's inventory.
    :param ssh_config: absolute path of the lab's SSH configuration.
    :return: the file's text.
    """
    groups = {
        KVM_HOSTS: _hosts_in_group(hosts, KVM_HOSTS),
        CONTAINER_HOSTS: _hosts_in_group(hosts, CONTAINER_HOSTS),
        "guests": {guest.name: _guest_variables(guest) for guest in plan.guests},
        "containers": {container.name: _container_variables(container) for container in plan.containers},
    }
    content = {
        "all": {
            "vars": {"ansible_ssh_common_args": f"-F {shlex.quote(str(ssh_config))}"},
            "children": {name: {"hosts": members} for name, members in groups.items()},
        }
    }
    return HEADER + yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def _hosts_in_group(hosts: Sequence[InventoryHost], group: str) -> Mapping[str, Mapping[str, Any]]:
    return {alias_of(host.name): _host_variables(host) for host in hosts if group in host.groups}


def _host_variables(host: InventoryHost) -> Mapping[str, Any]:
    return {"ansible_become": True} if host.data.get("_sudo") else {}


def _guest_variables(guest: Guest) -> Mapping[str, Any]:
    return {
        "minet_student": guest.student.login,
        "minet_host": alias_of(guest.host),
        "minet_address": str(guest.address.ip),
        "minet_mac": guest.mac,
    }


def _container_variables(container: Container) -> Mapping[str, Any]:
    return {
        "minet_student": container.student.login,
        "minet_host": alias_of(container.host),
        "minet_tp_image": container.tp_image,
        "minet_ssh_port": container.ssh_port,
    }
