"""Check whether networks, settings, ports or names that the lab wants on a host are in use there. No I/O."""

import json
import re
from collections.abc import Iterator
from ipaddress import IPv4Network

from minetlab.lab import NatNetwork
from minetlab.preflight.findings import GROUP_DATA, CheckedHost, Finding
from minetlab.resources.docker import ObservedContainer
from minetlab.resources.dockerd import REPAIR_CONFIG, SAME_POOLS, foreign_pools, pools_conflict
from minetlab.resources.host import Route
from minetlab.resources.layout import Layout
from minetlab.resources.site import container_name
from minetlab.util.names import named

# The bridges of Docker networks, those of labs included. Address pools need not be compared with these, as
# dockerd cuts its networks so that they do not overlap.
DOCKER_BRIDGE = re.compile(r"docker0|br-[0-9a-f]{12}|dbr-.+")
LAB_BRIDGE = re.compile(r"vbr-(?P<lab>.+)")


def clashes(subject: CheckedHost) -> Iterator[Finding]:
    """Yield a finding for everything on the host that the lab wants and somebody else may have."""
    yield from _guest_network(subject)
    yield from _address_pools(subject)
    yield from _daemon(subject)
    yield from _ports(subject)
    yield from _names(subject)


def _guest_network(subject: CheckedHost) -> Iterator[Finding]:
    if not subject.kvm:
        return
    network, system, check = subject.kvm.guest_network, subject.observed.system, "guest network"
    if not isinstance(network, NatNetwork):
        if network.bridge in system.bridges:
            yield subject.ok(check, f"the bridge {network.bridge} is there")
        else:
            others = f"it has {named(sorted(system.bridges))}" if system.bridges else "it has none"
            yield subject.problem(
                check,
                f"the host has no bridge {network.bridge}: {others}",
                f"make it, or set guest_network.bridge in {GROUP_DATA}/kvm_hosts.py",
            )
        return
    routes = [route for route in system.routes if route.device != Layout(subject.lab.name).bridge]
    yield _overlap(
        subject, check, network.subnet, routes, f"guest_network.subnet in {GROUP_DATA}/kvm_hosts.py"
    )


def _address_pools(subject: CheckedHost) -> Iterator[Finding]:
    if not subject.container:
        return
    check, setting = "address pools", f"docker_address_pools in {GROUP_DATA}/container_hosts.py"
    routes = [route for route in subject.observed.system.routes if not DOCKER_BRIDGE.fullmatch(route.device)]
    for pool in subject.container.docker_address_pools:
        yield _overlap(subject, check, pool.base, routes, setting)
        network = subject.kvm.guest_network if subject.kvm else None
        if isinstance(network, NatNetwork) and network.subnet.overlaps(pool.base):
            yield subject.problem(
                check,
                f"{pool.base} overlaps {network.subnet}, the guests' own subnet on this host",
                f"choose other {setting}",
            )


def _daemon(subject: CheckedHost) -> Iterator[Finding]:
    """Check that dockerd's configuration can be read and has no address pools that another lab needs."""
    if not subject.container:
        return
    daemon, ours = subject.observed.daemon, subject.container.docker_address_pools
    if daemon.fault:
        yield subject.problem("dockerd", daemon.fault, REPAIR_CONFIG)
    other_pools = foreign_pools(daemon.config, ours)
    other_labs = subject.observed.docker.other_labs(subject.lab.name)
    if other_pools and other_labs:
        yield subject.problem("address pools", pools_conflict(other_pools, ours, other_labs), SAME_POOLS)


def _overlap(
    subject: CheckedHost, check: str, ours: IPv4Network, routes: list[Route], setting: str
) -> Finding:
    next_step = f"choose another {setting}"
    overlapping = [route for route in routes if route.network.overlaps(ours)]
    for route in overlapping:
        # If a wider network is behind a router, the host loses a part of it only: that is a warning.
        if not (route.far and ours.subnet_of(route.network) and ours != route.network):
            return subject.problem(check, f"{ours} overlaps {route.network}, {_origin(route)}", next_step)
    if overlapping:
        route = overlapping[0]
        message = f"{ours} hides a part of {route.network}, {_origin(route)}, from this host"
        return subject.warning(check, message, f"{next_step}, unless the host needs nothing in that part")
    return subject.ok(check, f"{ours} is free")


def _origin(route: Route) -> str:
    if lab_bridge := LAB_BRIDGE.fullmatch(route.device):
        return f"the guest network of the lab {lab_bridge['lab']}"
    return f"which the host reaches by {route.device}" if route.device else "which the host refuses to reach"


def _ports(subject: CheckedHost) -> Iterator[Finding]:
    if not subject.container:
        return
    wanted = {container.ssh_port: container.name for container in subject.containers}
    if subject.container.site_port:
        wanted[subject.container.site_port] = container_name(subject.lab.name)
    if not wanted:
        return
    ours: set[int] = set()
    of_other_labs: dict[int, str] = {}  # of containers that run, and of those that do not
    for name, container in subject.observed.docker.containers.items():
        if container.lab == subject.lab.name:
            ours.update(_ports_of(container))
        elif container.lab:
            of_other_labs.update(dict.fromkeys(_ports_of(container), name))
    listening = dict.fromkeys(subject.observed.system.ports - ours, "a program that is not the lab's")
    taken = listening | of_other_labs
    clashing = [f"{port} ({wanted[port]}) by {taken[port]}" for port in sorted(wanted) if port in taken]
    if clashing:
        yield subject.problem(
            "ports",
            f"taken: {named(clashing)}",
            f"free them (on {subject.alias}, ss -Hltnp shows the programs), or change ssh_ports or site_port "
            f"in {GROUP_DATA}/container_hosts.py",
        )
    else:
        yield subject.ok("ports", f"{len(wanted)} are free or the lab's")


def _ports_of(container: ObservedContainer) -> Iterator[int]:
    """Yield the ports that a lab's container was made with, as its label has them."""
    try:
        fields = json.loads(container.fields)
    except ValueError:
        return
    if isinstance(fields, dict):
        yield from (fields[key] for key in ("ssh_port", "port") if isinstance(fields.get(key), int))


def _names(subject: CheckedHost) -> Iterator[Finding]:
    libvirt, docker, lab = subject.observed.libvirt, subject.observed.docker, subject.lab.name
    ours = {domain.name for domain in libvirt.domains_of(lab)} | set(docker.containers_of(lab))
    existing = {guest.name for guest in subject.guests} & libvirt.domains.keys()
    existing |= {container.name for container in subject.containers} & docker.containers.keys()
    if foreign := sorted(existing - ours):
        yield subject.problem(
            "names",
            f"machines that are not the lab's have names of its plan: {named(foreign)}",
            "rename or remove them (virsh domrename, docker rename), or choose another lab_name",
        )
