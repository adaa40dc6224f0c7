"""The topology as JSON, in the words of containerlab's topology file.

Source of the words: https://containerlab.dev/manual/topo-def-file/ and the schema that it publishes.
"""

import json
from collections.abc import Iterable
from typing import Any

from minetlab.plan import Container, Guest, Plan
from minetlab.report.topology import PlacedHost, PlacedNetwork, Role, Topology
from minetlab.resources.docker import CONTAINER_SSH_PORT, LAB_LABEL, STUDENT_LABEL, TP_IMAGE_LABEL

LABEL_PREFIX = "org.minet-lab."
ROLE, HOST = f"{LABEL_PREFIX}role", f"{LABEL_PREFIX}host"
# How a machine names its only network interface. A guest's name comes from its place on the PCI bus (q35).
INTERFACES: dict[Role, str] = {"KVM": "enp0s4", "Docker": "eth0"}


def topology_json(topology: Topology, plan: Plan) -> str:
    """Write the lab's hosts, networks and machines as nodes, and the links between them.

    What other tools can do with it, and what not, is in docs/reference/export.md.

    :param topology: the hosts, their networks, and what is attached to those.
    :param plan: the guests and containers of the same lab.
    :return: the JSON document.
    """
    machines = {machine.name: machine for machine in plan.machines}
    nodes: dict[str, Any] = {}
    links: list[Any] = []
    for host in topology.hosts:
        nodes[host.name] = {"kind": "linux", "labels": _host_labels(topology.lab, host)}
        for host_port, network in enumerate(host.networks, start=1):
            bridge = f"{host.name}.{network.role.lower()}"
            nodes[bridge] = {"kind": "bridge", "labels": _network_labels(topology.lab, host, network)}
            links.append(_link(f"{host.name}:port{host_port}", f"{bridge}:port0"))
            for bridge_port, machine in enumerate(network.machines, start=1):
                nodes[machine.name] = _machine(topology.lab, host, machines[machine.name])
                interface = f"{machine.name}:{INTERFACES[network.role]}"
                links.append(_link(interface, f"{bridge}:port{bridge_port}"))
    content = {"name": topology.lab, "topology": {"nodes": nodes, "links": links}}
    return json.dumps(content, indent=2) + "\n"


def _machine(lab: str, host: PlacedHost, machine: Guest | Container) -> dict[str, Any]:
    labels = {LAB_LABEL: lab, HOST: host.name, STUDENT_LABEL: machine.student.login}
    if isinstance(machine, Guest):
        return {
            "kind": "generic_vm",
            "mgmt-ipv4": str(machine.address.ip),
            "labels": {**labels, ROLE: "guest", f"{LABEL_PREFIX}mac": machine.mac},
        }
    return {
        "kind": "linux",
        "ports": [f"{machine.ssh_port}:{CONTAINER_SSH_PORT}"],
        "labels": {**labels, ROLE: "container", TP_IMAGE_LABEL: machine.tp_image},
    }


def _host_labels(lab: str, host: PlacedHost) -> dict[str, str]:
    groups: dict[Role, str] = {"KVM": "kvm_hosts", "Docker": "container_hosts"}
    return {
        LAB_LABEL: lab,
        ROLE: "host",
        f"{LABEL_PREFIX}groups": ",".join(groups[role] for role in host.roles),
        f"{LABEL_PREFIX}connector": host.connector,
    }


def _network_labels(lab: str, host: PlacedHost, network: PlacedNetwork) -> dict[str, str]:
    labels = {
        LAB_LABEL: lab,
        ROLE: "network",
        HOST: host.name,
        f"{LABEL_PREFIX}network": network.name,
        f"{LABEL_PREFIX}subnet": network.subnet,
    }
    # Docker names its bridge after a random identifier, which is not known here.
    if network.bridge:
        labels[f"{LABEL_PREFIX}bridge"] = network.bridge
    return labels


def _link(*endpoints: str) -> dict[str, Iterable[str]]:
    return {"endpoints": endpoints}
