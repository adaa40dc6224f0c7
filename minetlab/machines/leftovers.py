"""Ask hosts what is left of a lab, to prove after a teardown that nothing is."""

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from minetlab.facts.docker import DockerState
from minetlab.facts.firewall import Firewall
from minetlab.facts.homes import Homes
from minetlab.facts.jump import JumpState
from minetlab.facts.libvirt import LibvirtState
from minetlab.facts.slices import SliceLimits
from minetlab.inventory.hosts import CONTAINER_HOSTS, KVM_HOSTS, InventoryHost
from minetlab.machines.status import SILENT, ask, on_each
from minetlab.resources.docker import DockerObserved
from minetlab.resources.firewall import FirewallObserved
from minetlab.resources.homes import HomesObserved, unit_file
from minetlab.resources.jump import JumpObserved, jump_account, label
from minetlab.resources.layout import is_volume_of
from minetlab.resources.libvirt import LibvirtObserved
from minetlab.resources.slices import lab_slice
from minetlab.ssh import ssh_config


def leftovers(
    lab: str, hosts: Collection[InventoryHost], config: Path, logins: Collection[str] = ()
) -> dict[str, tuple[str, ...]]:
    """List what is left of a lab, or of some of its students, on each host.

    :param lab: the name of the lab.
    :param hosts: the hosts to ask, all at once.
    :param config: the lab's SSH configuration.
    :param logins: list only the machines of these students; empty: everything of the lab.
    :return: the alias of each host, with a few words for each thing left there, or for a host or daemon that
        does not answer.
    """
    leftovers_by_host = on_each(hosts, lambda host: tuple(_on(lab, host, config, logins)))
    aliases = (ssh_config.alias_of(host.name) for host in hosts)
    return dict(zip(aliases, leftovers_by_host, strict=True))


def of_libvirt(lab: str, observed: LibvirtObserved) -> Iterator[str]:
    """Yield what libvirt has of a lab, and the lab's files on a KVM host."""
    yield from _silence("libvirtd", observed)
    yield from (f"guest {domain.name}" for domain in observed.domains_of(lab))
    network = observed.networks.get(lab)
    if network and network.label.lab == lab:
        yield f"network {lab}"
    if lab in observed.pools and observed.owner == lab:
        yield f"pool {lab}"
        yield from (f"volume {volume}" for volume in observed.volumes)
    yield from (f"file {file}" for file in observed.files)


def of_docker(lab: str, observed: DockerObserved) -> Iterator[str]:
    """Yield what Docker has of a lab, and the lab's folder on a container host."""
    yield from _silence("dockerd", observed)
    yield from (f"container {name}" for name in observed.containers_of(lab))
    yield from (f"Docker network {name}" for name, owner in observed.networks.items() if owner == lab)
    yield from (f"image {image.reference or image.identifier}" for image in observed.images)
    if observed.folder:
        yield "the folder of its keys and sites"


def of_jump(lab: str, observed: JumpObserved) -> Iterator[str]:
    """Yield what is left of the lab's jump account."""
    if observed.label == label(lab):
        yield f"account {jump_account(lab)}"
    if observed.folder or observed.settings:
        yield f"sshd's settings for {jump_account(lab)}"


def of_homes(lab: str, observed: HomesObserved) -> Iterator[str]:
    """Yield what is left of the home folders of the lab's containers."""
    yield from (
        f"home folder of {container}" for container in sorted(observed.sizes.keys() | observed.mounted)
    )
    if observed.unit:
        yield f"file {unit_file(lab)}"


def of_slices(lab: str, observed: str) -> Iterator[str]:
    """Yield what is left of the limits of containers' slices."""
    if observed:
        yield f"limits of {lab_slice(lab)}"


def of_firewall(observed: FirewallObserved) -> Iterator[str]:
    """Yield what is left of the lab's firewall."""
    yield from (f"file {path}" for path in observed.files)
    if observed.loaded:
        yield "rules of the firewall"


def guests_of(lab: str, observed: LibvirtObserved, logins: Iterable[str]) -> Iterator[str]:
    """Yield the guests of some students, and the volumes of these guests."""
    yield from _silence("libvirtd", observed)
    names = {f"{lab}-{login}" for login in logins}
    yield from (f"guest {domain.name}" for domain in observed.domains_of(lab) if domain.name in names)
    for volume in observed.volumes:
        if any(is_volume_of(volume, name) for name in names):
            yield f"volume {volume}"


def containers_of(lab: str, observed: DockerObserved, logins: Collection[str]) -> Iterator[str]:
    """Yield the containers of some students."""
    yield from _silence("dockerd", observed)
    for container in observed.containers.values():
        if container.lab == lab and container.student in logins:
            yield f"container {container.name}"


def _silence(daemon: str, observed: LibvirtObserved | DockerObserved) -> Iterator[str]:
    if observed.silent:
        yield f"{daemon} does not answer"


def _on(lab: str, host: InventoryHost, config: Path, logins: Collection[str]) -> Iterator[str]:
    if KVM_HOSTS in host.groups:
        libvirt: LibvirtObserved | None = ask(LibvirtState(), host, config, lab=lab)
        if libvirt is None:
            yield SILENT
            return
        yield from guests_of(lab, libvirt, logins) if logins else of_libvirt(lab, libvirt)
    if CONTAINER_HOSTS in host.groups:
        docker: DockerObserved | None = ask(DockerState(), host, config, lab=lab)
        if docker is None:
            yield SILENT
            return
        yield from containers_of(lab, docker, logins) if logins else of_docker(lab, docker)
    if not logins:
        jump: JumpObserved | None = ask(JumpState(), host, config, lab=lab)
        yield from [SILENT] if jump is None else of_jump(lab, jump)
        homes: HomesObserved | None = ask(Homes(), host, config, lab=lab)
        yield from [SILENT] if homes is None else of_homes(lab, homes)
        limits: str | None = ask(SliceLimits(), host, config, lab=lab)
        yield from [SILENT] if limits is None else of_slices(lab, limits)
        firewall: FirewallObserved | None = ask(Firewall(), host, config, lab=lab)
        yield from [SILENT] if firewall is None else of_firewall(firewall)
