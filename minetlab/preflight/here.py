"""This machine: images that hosts lack and that are made or fetched here, and memory for the sandbox."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from minetlab.images import FetchedImage
from minetlab.images.cache import checksum_file, require_free_space
from minetlab.images.disk import BUILD_GIB, disk_file, rootfs_file
from minetlab.images.fetched import fetched_file, probe
from minetlab.images.mmdebstrap import mode
from minetlab.lab import DebianImage, Lab, UrlImage
from minetlab.operations.tp_images import ROOM_FACTOR
from minetlab.preflight.findings import Finding, Severity
from minetlab.preflight.hosts import Look
from minetlab.sandbox.images import sandbox_recipe
from minetlab.sandbox.lifecycle import QEMU_OVERHEAD_MIB, available_memory
from minetlab.site import server
from minetlab.ssh.ssh_config import alias_of
from minetlab.tp import guest_image, guest_tps, tp_images
from minetlab.util.errors import LabError
from minetlab.util.names import named

HERE = "this machine"
IMAGES = "images"


@dataclass(frozen=True)
class Needed:
    """An image that a host lacks.

    :param host: its alias.
    :param file: where the cache has it, once it is there.
    :param address: where it is fetched from; None: it is built.
    :param in_docker: whether it is a container image.
    """

    host: str
    name: str
    file: Path
    address: FetchedImage | None = None
    in_docker: bool = False

    @property
    def cached(self) -> bool:
        """Whether it is here; a deploy checks its sum before it is used."""
        return self.file.exists() and checksum_file(self.file).exists()


def this_machine(lab: Lab, looks: Iterable[Look]) -> Iterator[Finding]:
    """Check this machine, and what hosts have to receive from it.

    A host that has not been seen is taken to lack every image.
    """
    looks = list(looks)
    yield from _levels(lab)
    try:
        needed = list(_needed(lab, looks))
    except LabError as error:
        yield Finding(HERE, IMAGES, Severity.PROBLEM, error.problem, error.next_step)
        return
    yield from _room_in_docker(looks, needed)
    files = {each.file: each for each in needed}
    missing = [each for each in files.values() if not each.cached]
    cached = f"{len(files) - len(missing)} that hosts lack are here"
    made = f", to be made or fetched: {named(each.name for each in missing)}" if missing else ""
    yield from list(_makeable(missing)) or [Finding(HERE, IMAGES, Severity.OK, cached + made)]
    yield from _memory(looks)


def _levels(lab: Lab) -> Iterator[Finding]:
    """Debian's amd64 runs on any 64-bit CPU; what others publish may want more than a guest's kvm64 has."""
    urls = {
        each.settings.guest_image.url
        for each in lab.kvm_hosts
        if isinstance(each.settings.guest_image, UrlImage)
    }
    for url in sorted(urls):
        yield Finding(
            HERE,
            "guest CPU",
            Severity.WARNING,
            f"whether {url} runs on the guests' CPU, kvm64, cannot be told before",
            "try one guest: x86-64-v2 (RHEL 9 and its relatives) does not run there, Debian and Ubuntu do",
        )


def _needed(lab: Lab, looks: Iterable[Look]) -> Iterator[Needed]:
    """What each host lacks.

    :raises LabError: a folder of ``tp/`` is wrong.
    """
    seen = {each.subject.alias: each.subject.observed for each in looks if each.subject}
    for kvm in lab.kvm_hosts:
        settings, alias = kvm.settings, alias_of(kvm.name)
        observed = seen.get(alias)
        if (
            observed
            and guest_image.volume(settings.guest_image, settings.guest_tps) in observed.libvirt.volumes
        ):
            continue
        if isinstance(settings.guest_image, DebianImage):
            recipe = guest_tps.recipe(settings.guest_image.debian, settings.guest_tps)
            yield Needed(alias, "the guest image", disk_file(recipe))
        else:
            address = guest_image.fetched(settings.guest_image)
            yield Needed(alias, "the guest image", fetched_file(address), address)
    for container in lab.container_hosts:
        alias = alias_of(container.name)
        observed = seen.get(alias)
        there = {each.reference for each in observed.docker.images} if observed else set()
        for image in tp_images.read(container.settings.tp_images):
            if tp_images.spec(lab.name, image).reference not in there:
                yield Needed(
                    alias, f"the TP image {image.name}", rootfs_file(tp_images.recipe(image)), in_docker=True
                )
        if container.settings.site_port and server.spec(lab.name).reference not in there:
            yield Needed(alias, "the TP site's web server", rootfs_file(server.recipe()), in_docker=True)
    for look in looks:
        if spec := look.to_boot:
            recipe = sandbox_recipe(spec.debian, spec.image, spec.disk)
            yield Needed(HERE, "the image of sandbox hosts", disk_file(recipe))


def _room_in_docker(looks: Iterable[Look], needed: Iterable[Needed]) -> Iterator[Finding]:
    """Whether container hosts have room for the images that they lack, of those whose size is known."""
    needed = list(needed)
    for subject in (each.subject for each in looks if each.subject and each.subject.container):
        mine = [each for each in needed if each.host == subject.alias and each.in_docker and each.cached]
        room = ROOM_FACTOR * sum(each.file.stat().st_size for each in mine) >> 20
        free = subject.observed.system.docker_disk
        found = f"{len(mine)} container images from here take {room} MiB, {free} MiB are free"
        if room > free:
            step = f"free some disk on {subject.alias}: docker system df shows what Docker holds"
            yield subject.problem("Docker's disk", found, step)
        else:
            yield subject.ok("Docker's disk", found)


def _makeable(missing: Iterable[Needed]) -> Iterator[Finding]:
    """Whether these can be had."""
    builds = [each for each in missing if each.address is None]
    for address in [each.address for each in missing if each.address]:
        try:
            probe(address)
        except LabError as error:
            yield Finding(HERE, IMAGES, Severity.PROBLEM, error.problem, error.next_step)
    if builds:
        what = f"building {named(each.name for each in builds)}"
        for check in (mode, lambda: require_free_space(builds[0].file.parent, BUILD_GIB, what)):
            try:
                check()
            except LabError as error:
                yield Finding(HERE, IMAGES, Severity.PROBLEM, f"{what}: {error.problem}", error.next_step)


def _memory(looks: Iterable[Look]) -> Iterator[Finding]:
    """Whether all sandbox hosts that are to be booted have room beside each other."""
    needed = [each.to_boot.memory + QEMU_OVERHEAD_MIB for each in looks if each.to_boot]
    if not needed:
        return
    available = available_memory()
    found = (
        f"{len(needed)} sandbox hosts to boot take {sum(needed)} MiB at most, {available} MiB are available"
    )
    if sum(needed) <= available:
        yield Finding(HERE, "memory", Severity.OK, found)
    else:
        next_step = "end other programs, lower sandbox_memory, or name fewer sandbox hosts"
        yield Finding(HERE, "memory", Severity.WARNING, found, next_step)
