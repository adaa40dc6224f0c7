"""Guests and hosts for the tests of the KVM side."""

import re
from ipaddress import IPv4Network

from minetlab.lab import GuestSize, KvmHost, KvmHostSettings, Lab, NatNetwork, Student, UrlImage
from minetlab.operations.specs import guest_spec, network_spec, pool_xml
from minetlab.plan import Guest, allocate
from minetlab.resources.guests import GuestSpec
from minetlab.resources.layout import overlay
from minetlab.resources.libvirt import (
    SOCKET_UNITS,
    Domain,
    Label,
    LibvirtObserved,
    ObservedNetwork,
    Pool,
    Volume,
)
from minetlab.resources.network import NetworkSpec
from minetlab.util.render import render

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJhfkqxDFl9cDvI6UTPVzoqcAB1hPq8Mm8VTcQ0tYkX1"
LAB, BASE = "minet", "base-0123456789ab.qcow2"
NETWORK = NatNetwork(subnet=IPv4Network("10.77.0.0/24"))
IMAGE = UrlImage(url="https://example.org/debian.qcow2", sha256="0123456789ab" + 52 * "0")
SETTINGS = KvmHostSettings(guest_network=NETWORK, guest=GuestSize(memory=512, disk=4), guest_image=IMAGE)


def guests(number: int, *, run: bool = True) -> tuple[Guest, ...]:
    """Guests of this many students, on a host that runs its guests or does not."""
    students = tuple(Student(login=f"s{each}", name=f"Élève <{each}>", ssh_key=KEY) for each in range(number))
    host = KvmHost(name="hv1", settings=SETTINGS.model_copy(update={"guests_run": run}))
    return allocate(Lab(name=LAB, students=students, kvm_hosts=(host,), container_hosts=())).guests


def guest_specs(
    number: int, feature: str | None = "svm", base: str = BASE, *, run: bool = True
) -> tuple[GuestSpec, ...]:
    """Their specs."""
    return tuple(guest_spec(LAB, guest, SETTINGS, base, feature) for guest in guests(number, run=run))


def network(number: int) -> NetworkSpec:
    """The network's spec with this many reservations."""
    return network_spec(LAB, NETWORK, guests(number))


def standing(number: int, *, active: bool = True, autostart: bool = True, lab: str = LAB) -> LibvirtObserved:
    """A host on which everything stands as specified."""
    specs, net = guest_specs(number), network(number)
    disks = f"/var/lib/libvirt/images/minet-lab/{LAB}/disks"
    volumes = [Volume(BASE), *(Volume(spec.seed) for spec in specs)]
    volumes += [Volume(overlay(spec.name), spec.disk, f"{disks}/{BASE}") for spec in specs]
    return LibvirtObserved(
        installed=True,
        answers=True,
        memory=64_000,
        disk=64_000,
        owner=LAB,
        files=(disks.removesuffix("/disks"),),
        networks={
            LAB: ObservedNetwork(
                Label(lab, net.digest), active=True, autostart=True, reservations=net.reservations
            )
        },
        pools={LAB: Pool(disks, active=True, autostart=True)},
        volumes={volume.name: volume for volume in volumes},
        domains={
            spec.name: Domain(
                name=spec.name,
                uuid=f"0-{spec.name}",
                label=Label(lab, spec.digest),
                active=active,
                autostart=autostart,
                macs=(spec.mac,),
            )
            for spec in specs
        },
    )


def answer(
    number: int, *, active: bool = True, autostart: bool = True, lab: str = LAB, memory: int = 64_000
) -> list[str]:
    """What the host of :func:`standing` answers to the bulk fact."""
    specs, net = guest_specs(number), network(number)
    uuids = [str(guest.uuid) for guest in guests(number)]
    net_uuid, pool_uuid = (re.findall("<uuid>(.*)</uuid>", xml)[0] for xml in (net.xml, pool_xml(LAB)))
    disks = f"/var/lib/libvirt/images/minet-lab/{LAB}/disks"
    volumes = [f"<volume><name>{BASE}</name></volume>"]
    for spec in specs:
        backing = f"<backingStore><path>{disks}/{BASE}</path></backingStore>"
        volumes.append(
            f"<volume><name>{overlay(spec.name)}</name><capacity>{spec.disk}</capacity>{backing}</volume>"
        )
    xml = [pool_xml(LAB), net.xml, *(spec.xml for spec in specs)]
    sections = {
        "memory": [str(memory)],
        "disk": ["64000"],
        "owner": [LAB],
        "files": [disks.removesuffix("/disks")],
        "services": [
            line
            for unit in ("libvirtd.service", "libvirtd.socket")
            for line in (f"Id={unit}", "ActiveState=active", "UnitFileState=enabled")
        ],
        "socket-units": render("libvirt/socket.conf.j2").splitlines() * len(SOCKET_UNITS),
        "open-sockets": [],
        "installed": [],
        "domains": uuids,
        "domains-active": uuids if active else [],
        "domains-autostart": uuids if autostart else [],
        "networks-active": [net_uuid],
        "networks-autostart": [net_uuid],
        "pools-active": [pool_uuid],
        "pools-autostart": [pool_uuid],
        "volumes": [f" {spec.seed}   {disks}/{spec.seed}" for spec in specs],
        "xml": [*volumes, *"\n".join(xml).replace(f'lab="{LAB}"', f'lab="{lab}"').splitlines()],
    }
    return [line for name, lines in sections.items() for line in (f"@{name}", *lines)]
