"""What is left of a lab on its hosts, asked of them after a teardown: the proof that it is nothing."""

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from minetlab.facts.docker import DockerState
from minetlab.facts.jump import JumpState
from minetlab.facts.libvirt import LibvirtState
from minetlab.inventory.hosts import CONTAINER_HOSTS, KVM_HOSTS, InventoryHost
from minetlab.machines.status import SILENT, ask, on_each
from minetlab.resources.docker import DockerObserved
from minetlab.resources.jump import JumpObserved, jump_account, label
from minetlab.resources.layout import is_volume_of
from minetlab.resources.libvirt import LibvirtObserved
from minetlab.ssh import ssh_config


def leftovers(
    lab: str, hosts: Iterable[InventoryHost], config: Path, logins: Collection[str] = ()
) -> dict[str, tuple[str, ...]]:
    """What carries the lab's label, by host; of a host that does not answer, that it does not.

    :param config: the lab's SSH configuration.
    :param logins: only the machines of these students; none: all that is the lab's.
    """
    hosts = tuple(hosts)
    found = on_each(hosts, lambda host: tuple(_on(lab, host, config, logins)))
    return {ssh_config.alias_of(host.name): things for host, things in zip(hosts, found, strict=True)}


def of_libvirt(lab: str, observed: LibvirtObserved) -> Iterator[str]:
    """What libvirt has of the lab, and the files around it."""
    yield from _silence("libvirtd", observed)
    yield from (f"guest {domain.name}" for domain in observed.domains_of(lab))
    network = observed.networks.get(lab)
    if network and network.label and network.label.lab == lab:
        yield f"network {lab}"
    if lab in observed.pools and observed.owner == lab:
        yield f"pool {lab}"
        yield from (f"volume {volume}" for volume in observed.volumes)
    yield from (f"file {file}" for file in observed.files)


def of_docker(lab: str, observed: DockerObserved) -> Iterator[str]:
    """What Docker has of the lab, and its folder."""
    yield from _silence("dockerd", observed)
    yield from (f"container {name}" for name in observed.containers_of(lab))
    yield from (f"Docker network {name}" for name, owner in observed.networks.items() if owner == lab)
    yield from (f"image {image.reference or image.identifier}" for image in observed.images)
    if observed.folder:
        yield "the folder of its keys and sites"


def of_jump(lab: str, observed: JumpObserved) -> Iterator[str]:
    """What there is of the account that leads students to their machines."""
    if observed.label == label(lab):
        yield f"account {jump_account(lab)}"
    if observed.folder or observed.settings:
        yield f"sshd's settings for {jump_account(lab)}"


def guests_of(lab: str, observed: LibvirtObserved, logins: Iterable[str]) -> Iterator[str]:
    """The guests of some students, and their volumes."""
    yield from _silence("libvirtd", observed)
    names = {f"{lab}-{login}" for login in logins}
    yield from (f"guest {domain.name}" for domain in observed.domains_of(lab) if domain.name in names)
    for volume in observed.volumes:
        if any(is_volume_of(volume, name) for name in names):
            yield f"volume {volume}"


def containers_of(lab: str, observed: DockerObserved, logins: Collection[str]) -> Iterator[str]:
    """The containers of some students."""
    yield from _silence("dockerd", observed)
    containers = (each for each in observed.containers.values() if each.lab == lab)
    yield from (f"container {each.name}" for each in containers if each.student in logins)


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
