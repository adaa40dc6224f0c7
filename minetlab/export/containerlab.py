"""The topology as JSON, in the words of containerlab's topology file.

Source of the words: https://containerlab.dev/manual/topo-def-file/ and the schema that it publishes.
"""

import json
from collections.abc import Iterable
from typing import Any

from minetlab.plan import Container, Guest, Plan
from minetlab.report.topology import PlacedHost, PlacedNetwork, Role, Topology
from minetlab.resources.docker import LAB_LABEL, SSH_PORT, STUDENT_LABEL, TP_IMAGE_LABEL

PREFIX = "org.minet-lab."
ROLE, HOST = f"{PREFIX}role", f"{PREFIX}host"
# What machines call their one network interface: a guest by its place on the PCI bus (q35).
INTERFACES: dict[Role, str] = {"KVM": "enp1s0", "Docker": "eth0"}


def topology_json(topology: Topology, plan: Plan) -> str:
    """Nodes by kind, and the links between them; docs/reference/export.md says what it is, and is not."""
    machines = {machine.name: machine for machine in plan.machines}
    nodes: dict[str, Any] = {}
    links: list[Any] = []
    for host in topology.hosts:
        nodes[host.name] = {"kind": "linux", "labels": _host_labels(topology.lab, host)}
        for place, network in enumerate(host.networks, start=1):
            bridge = f"{host.name}.{network.role.lower()}"
            nodes[bridge] = {"kind": "bridge", "labels": _network_labels(topology.lab, host, network)}
            links.append(_link(f"{host.name}:port{place}", f"{bridge}:port0"))
            for number, placed in enumerate(network.machines, start=1):
                nodes[placed.name] = _machine(topology.lab, host, machines[placed.name])
                links.append(_link(f"{placed.name}:{INTERFACES[network.role]}", f"{bridge}:port{number}"))
    content = {"name": topology.lab, "topology": {"nodes": nodes, "links": links}}
    return json.dumps(content, indent=2) + "\n"


def _machine(lab: str, host: PlacedHost, machine: Guest | Container) -> dict[str, Any]:
    labels = {LAB_LABEL: lab, HOST: host.name, STUDENT_LABEL: machine.student.login}
    if isinstance(machine, Guest):
        return {
            "kind": "generic_vm",
            "mgmt-ipv4": str(machine.address.ip),
            "labels": {**labels, ROLE: "guest", f"{PREFIX}mac": machine.mac},
        }
    return {
        "kind": "linux",
        "ports": [f"{machine.ssh_port}:{SSH_PORT}"],
        "labels": {**labels, ROLE: "container", TP_IMAGE_LABEL: machine.tp_image},
    }


def _host_labels(lab: str, host: PlacedHost) -> dict[str, str]:
    groups: dict[Role, str] = {"KVM": "kvm_hosts", "Docker": "container_hosts"}
    return {
        LAB_LABEL: lab,
        ROLE: "host",
        f"{PREFIX}groups": ",".join(groups[role] for role in host.roles),
        f"{PREFIX}connector": host.connector,
    }


def _network_labels(lab: str, host: PlacedHost, network: PlacedNetwork) -> dict[str, str]:
    labels = {
        LAB_LABEL: lab,
        ROLE: "network",
        HOST: host.name,
        f"{PREFIX}network": network.name,
        f"{PREFIX}subnet": network.subnet,
    }
    # Docker calls its bridge after an identifier that it makes up.
    return labels | ({f"{PREFIX}bridge": network.bridge} if network.bridge else {})


def _link(*endpoints: str) -> dict[str, Iterable[str]]:
    return {"endpoints": endpoints}
