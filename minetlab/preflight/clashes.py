"""What the lab wants of a host that somebody else has there: networks, settings, ports, names. No I/O."""

import json
import re
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network

from minetlab.lab import NatNetwork
from minetlab.preflight.findings import GROUP_DATA, Finding, Subject
from minetlab.resources.docker import ObservedContainer
from minetlab.resources.dockerd import MEND, SAME_POOLS, contested, foreign_pools
from minetlab.resources.host import Route
from minetlab.resources.layout import Layout
from minetlab.resources.site import container_name
from minetlab.util.names import named

# Bridges of Docker's, the labs' among them: dockerd cuts its networks so that they do not overlap each other.
DOCKERS = re.compile(r"docker0|br-[0-9a-f]{12}|dbr-.+")
OTHER_LAB = re.compile(r"vbr-(?P<lab>.+)")


def clashes(subject: Subject) -> Iterator[Finding]:
    """What is somebody else's already."""
    yield from _guest_network(subject)
    yield from _address_pools(subject)
    yield from _daemon(subject)
    yield from _ports(subject)
    yield from _names(subject)


def _guest_network(subject: Subject) -> Iterator[Finding]:
    if not subject.kvm:
        return
    network, system, check = subject.kvm.guest_network, subject.observed.system, "guest network"
    if not isinstance(network, NatNetwork):
        if network.bridge in system.bridges:
            yield subject.ok(check, f"the bridge {network.bridge} is there")
        else:
            there = f"it has {named(sorted(system.bridges))}" if system.bridges else "it has none"
            yield subject.problem(
                check,
                f"the host has no bridge {network.bridge}: {there}",
                f"make it, or set guest_network.bridge in {GROUP_DATA}/kvm_hosts.py",
            )
        return
    routes = [each for each in system.routes if each.device != Layout(subject.lab.name).bridge]
    yield _overlap(
        subject, check, network.subnet, routes, f"guest_network.subnet in {GROUP_DATA}/kvm_hosts.py"
    )


def _address_pools(subject: Subject) -> Iterator[Finding]:
    if not subject.container:
        return
    check, setting = "address pools", f"docker_address_pools in {GROUP_DATA}/container_hosts.py"
    routes = [each for each in subject.observed.system.routes if not DOCKERS.fullmatch(each.device)]
    for pool in subject.container.docker_address_pools:
        yield _overlap(subject, check, pool.base, routes, setting)
        network = subject.kvm.guest_network if subject.kvm else None
        if isinstance(network, NatNetwork) and network.subnet.overlaps(pool.base):
            yield subject.problem(
                check,
                f"{pool.base} overlaps {network.subnet}, the guests' own subnet on this host",
                f"choose other {setting}",
            )


def _daemon(subject: Subject) -> Iterator[Finding]:
    """What dockerd's configuration has of another lab's, or what it is not."""
    if not subject.container:
        return
    daemon, ours = subject.observed.daemon, subject.container.docker_address_pools
    if daemon.fault:
        yield subject.problem("dockerd", daemon.fault, MEND)
    theirs, labs = foreign_pools(daemon.config, ours), subject.observed.docker.other_labs(subject.lab.name)
    if theirs and labs:
        yield subject.problem("address pools", contested(theirs, ours, labs), SAME_POOLS)


def _overlap(subject: Subject, check: str, ours: IPv4Network, routes: list[Route], setting: str) -> Finding:
    """A wider network behind a router loses a part for this host; any other is taken from somebody."""
    next_step = f"choose another {setting}"
    overlapping = [each for each in routes if each.network.overlaps(ours)]
    for route in overlapping:
        if not (route.far and ours.subnet_of(route.network) and ours != route.network):
            return subject.problem(check, f"{ours} overlaps {route.network}, {_whose(route)}", next_step)
    for route in overlapping:
        found = f"{ours} hides a part of {route.network}, {_whose(route)}, from this host"
        return subject.warning(check, found, f"{next_step}, unless nobody there is needed")
    return subject.ok(check, f"{ours} is free")


def _whose(route: Route) -> str:
    if other := OTHER_LAB.fullmatch(route.device):
        return f"the guest network of the lab {other['lab']}"
    return f"which the host reaches by {route.device}" if route.device else "which the host refuses to reach"


def _ports(subject: Subject) -> Iterator[Finding]:
    if not subject.container:
        return
    wanted = {each.ssh_port: each.name for each in subject.containers}
    if subject.container.site_port:
        wanted[subject.container.site_port] = container_name(subject.lab.name)
    if not wanted:
        return
    containers = subject.observed.docker.containers
    ours = {port for each in containers.values() if each.lab == subject.lab.name for port in _ports_of(each)}
    listens = dict.fromkeys(subject.observed.system.ports - ours, "a program that is not the lab's")
    taken = {**listens, **_by_others(subject.lab.name, containers)}
    clashing = [f"{port} ({wanted[port]}) by {taken[port]}" for port in sorted(wanted) if port in taken]
    if clashing:
        yield subject.problem(
            "ports",
            f"taken: {named(clashing)}",
            f"on {subject.alias}, ss -Hltnp shows by whom: free them, or change ssh_ports or site_port in "
            f"{GROUP_DATA}/container_hosts.py",
        )
    else:
        yield subject.ok("ports", f"{len(wanted)} are free or the lab's")


def _by_others(lab: str, containers: Mapping[str, ObservedContainer]) -> dict[int, str]:
    """A container of another lab that does not run has its ports all the same."""
    return {
        port: name
        for name, each in containers.items()
        if each.lab and each.lab != lab
        for port in _ports_of(each)
    }


def _ports_of(container: ObservedContainer) -> Iterator[int]:
    """The ports that a container of ours was made with, by its label."""
    try:
        fields = json.loads(container.fields)
    except ValueError:
        return
    if isinstance(fields, dict):
        yield from (fields[key] for key in ("ssh_port", "port") if isinstance(fields.get(key), int))


def _names(subject: Subject) -> Iterator[Finding]:
    libvirt, docker, lab = subject.observed.libvirt, subject.observed.docker, subject.lab.name
    ours = {domain.name for domain in libvirt.domains_of(lab)} | set(docker.containers_of(lab))
    planned = {each.name for each in subject.guests} & libvirt.domains.keys()
    planned |= {each.name for each in subject.containers} & docker.containers.keys()
    if foreign := sorted(planned - ours):
        yield subject.problem(
            "names",
            f"somebody else's machines are called so: {named(foreign)}",
            "rename or remove them (virsh domrename, docker rename), or choose another lab_name",
        )
