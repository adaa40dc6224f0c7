"""Check this machine: images that hosts lack and that are built or fetched here, and the sandbox's memory."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from minetlab.images.bootstrap import BUILD_GIB
from minetlab.images.build import is_cached
from minetlab.images.cache import require_free_space
from minetlab.images.disk import disk_file, rootfs_file
from minetlab.images.fetched import fetched_file, probe
from minetlab.images.mmdebstrap import mode
from minetlab.images.recipe import ImageRecipe
from minetlab.lab import ContainerHost, DebianImage, KvmHost, Lab, UrlImage
from minetlab.operations.tp_images import ROOM_FACTOR
from minetlab.preflight.findings import Finding, Severity
from minetlab.preflight.hosts import HostLook
from minetlab.resources.host import HostObserved
from minetlab.sandbox.images import sandbox_recipe
from minetlab.sandbox.lifecycle import QEMU_OVERHEAD_MIB, available_memory
from minetlab.secrets.certificates import authority_is_outgrown, site_certificate
from minetlab.site import server
from minetlab.ssh.ssh_config import alias_of
from minetlab.tp import guest_image, guest_tps, tp_images
from minetlab.util.errors import LabError
from minetlab.util.names import named

HERE = "this machine"
SOON = timedelta(days=30)
"""How long before its end a certificate of group data is worth a warning."""
IMAGES_CHECK = "images"


@dataclass(frozen=True)
class MissingImage:
    """An image that a host lacks.

    :param host: the alias of the host.
    :param name: what the image is, for messages.
    :param file: its file in this machine's cache, whether it exists or not.
    :param recipe: what it is built of; None if it is fetched.
    :param address: where it is fetched from; None if it is built.
    :param in_docker: whether it is a container image.
    """

    host: str
    name: str
    file: Path
    recipe: ImageRecipe | None = None
    address: UrlImage | None = None
    in_docker: bool = False

    @property
    def cached(self) -> bool:
        """Whether the cache has the image; its checksum is verified only by the deploy."""
        return is_cached(self.file)


def findings_here(lab: Lab, looks: Sequence[HostLook]) -> Iterator[Finding]:
    """Check this machine, and the images that hosts have to receive from it.

    :param lab: the lab.
    :param looks: what was seen of its hosts. A host that does not answer counts as lacking every image.
    :yields: a finding for each check.
    """
    yield from _foreign_guest_images(lab)
    yield from _site_certificates(lab)
    try:
        missing_images = list(_missing_images(lab, looks))
    except LabError as error:
        yield Finding(HERE, IMAGES_CHECK, Severity.PROBLEM, error.problem, error.next_step)
        return
    yield from _room_in_docker(looks, missing_images)
    images = {image.file: image for image in missing_images}
    to_make = [image for image in images.values() if not image.cached]
    message = f"{len(images) - len(to_make)} that hosts lack are cached here"
    if to_make:
        message += f"; to be built or fetched: {named(image.name for image in to_make)}"
    yield from list(_obstacles(to_make)) or [Finding(HERE, IMAGES_CHECK, Severity.OK, message)]
    yield from _memory(looks)


def recipes_to_build(lab: Lab, looks: Sequence[HostLook]) -> tuple[ImageRecipe, ...]:
    """Return the recipes of images that hosts lack and this machine does not have; none if one is wrong.

    :param lab: the lab.
    :param looks: what was seen of its hosts.
    :return: each recipe once.
    """
    try:
        missing_images = list(_missing_images(lab, looks))
    except LabError:  # which is among the findings
        return ()
    recipes = {image.recipe for image in missing_images if image.recipe and not image.cached}
    return tuple(sorted(recipes, key=lambda recipe: recipe.name))


def _foreign_guest_images(lab: Lab) -> Iterator[Finding]:
    # Debian's amd64 runs on any 64-bit CPU; other images may need features that the guests' kvm64 has not.
    images = [host.settings.guest_image for host in lab.kvm_hosts]
    for url in sorted({image.url for image in images if isinstance(image, UrlImage)}):
        yield Finding(
            HERE,
            "guest CPU",
            Severity.WARNING,
            f"the image of {url} may need more than the guests' CPU, kvm64, offers",
            "try one guest: x86-64-v2 (RHEL 9 and its relatives) does not run there, Debian and Ubuntu do",
        )


def _site_certificates(lab: Lab) -> Iterator[Finding]:
    """Check whether the lab's CA can sign for all hosts of the site, and the certificates of group data."""
    check = "site certificate"
    try:
        if authority_is_outgrown(lab):
            message = "the lab's CA ends, or is not for all hosts of the site: the deploy makes another"
            next_step = "make cards and folders again (lab cards), as they show the CA"
            yield Finding(HERE, check, Severity.WARNING, message, next_step)
    except LabError as error:
        yield Finding(HERE, check, Severity.PROBLEM, error.problem, error.next_step)
    # The others are signed by the deploy.
    for host in (host for host in lab.site_hosts if host.settings.site_certificate):
        try:
            end = site_certificate(lab, host).end
        except LabError as error:
            yield Finding(HERE, check, Severity.PROBLEM, error.problem, error.next_step)
            continue
        message = f"that of {alias_of(host.name)} is valid until {end:%Y-%m-%d}"
        if end - datetime.now(UTC) < SOON:
            yield Finding(HERE, check, Severity.WARNING, message, "renew it, and run lab up again")
        else:
            yield Finding(HERE, check, Severity.OK, message)


def _missing_images(lab: Lab, looks: Sequence[HostLook]) -> Iterator[MissingImage]:
    observed_hosts = {look.subject.alias: look.subject.observed for look in looks if look.subject}
    for kvm_host in lab.kvm_hosts:
        yield from _missing_guest_image(kvm_host, observed_hosts.get(alias_of(kvm_host.name)))
    for container_host in lab.container_hosts:
        observed = observed_hosts.get(alias_of(container_host.name))
        yield from _missing_container_images(lab.name, container_host, observed)
    for look in looks:
        if spec := look.to_boot:
            recipe = sandbox_recipe(spec.debian, spec.image, spec.disk)
            yield MissingImage(HERE, "the image of sandbox hosts", disk_file(recipe), recipe)


def _missing_guest_image(host: KvmHost, observed: HostObserved | None) -> Iterator[MissingImage]:
    settings, alias = host.settings, alias_of(host.name)
    if observed and guest_image.volume(settings.guest_image, settings.guest_tps) in observed.libvirt.volumes:
        return
    if isinstance(settings.guest_image, DebianImage):
        recipe = guest_tps.recipe(settings.guest_image.debian, settings.guest_tps)
        yield MissingImage(alias, "the guest image", disk_file(recipe), recipe)
    else:
        address = settings.guest_image
        yield MissingImage(alias, "the guest image", fetched_file(address), address=address)


def _missing_container_images(
    lab: str, host: ContainerHost, observed: HostObserved | None
) -> Iterator[MissingImage]:
    alias = alias_of(host.name)
    references = {image.reference for image in observed.docker.images} if observed else set()
    for image in tp_images.read(host.settings.tp_images):
        if tp_images.spec(lab, image).reference not in references:
            recipe = tp_images.recipe(image)
            yield MissingImage(
                alias, f"the TP image {image.name}", rootfs_file(recipe), recipe, in_docker=True
            )
    if host.settings.site_port and server.spec(lab).reference not in references:
        recipe = server.recipe()
        yield MissingImage(alias, "the TP site's web server", rootfs_file(recipe), recipe, in_docker=True)


def _room_in_docker(looks: Iterable[HostLook], missing_images: Iterable[MissingImage]) -> Iterator[Finding]:
    """Check that container hosts have room for the images that they lack, as far as the cache has those."""
    cached = [image for image in missing_images if image.in_docker and image.cached]
    for subject in (look.subject for look in looks if look.subject and look.subject.container):
        to_send = [image for image in cached if image.host == subject.alias]
        room = ROOM_FACTOR * sum(image.file.stat().st_size for image in to_send) >> 20
        free = subject.observed.system.docker_disk
        message = f"{len(to_send)} container images from here take {room} MiB, {free} MiB are free"
        if room > free:
            next_step = f"free some disk on {subject.alias}: docker system df shows what Docker holds"
            yield subject.problem("Docker's disk", message, next_step)
        else:
            yield subject.ok("Docker's disk", message)


def _obstacles(to_make: Sequence[MissingImage]) -> Iterator[Finding]:
    """Yield a problem for everything that keeps these images from being fetched or built."""
    for address in [image.address for image in to_make if image.address]:
        try:
            probe(address)
        except LabError as error:
            yield Finding(HERE, IMAGES_CHECK, Severity.PROBLEM, error.problem, error.next_step)
    if builds := [image for image in to_make if image.address is None]:
        task = f"building {named(image.name for image in builds)}"
        for check in (mode, lambda: require_free_space(builds[0].file.parent, BUILD_GIB, task)):
            try:
                check()
            except LabError as error:
                yield Finding(
                    HERE, IMAGES_CHECK, Severity.PROBLEM, f"{task}: {error.problem}", error.next_step
                )


def _memory(looks: Iterable[HostLook]) -> Iterator[Finding]:
    """Check that this machine has memory for all sandbox hosts that are to be booted."""
    needed = [look.to_boot.memory + QEMU_OVERHEAD_MIB for look in looks if look.to_boot]
    if not needed:
        return
    available = available_memory()
    message = (
        f"{len(needed)} sandbox hosts to boot take {sum(needed)} MiB at most, {available} MiB are available"
    )
    if sum(needed) <= available:
        yield Finding(HERE, "memory", Severity.OK, message)
    else:
        next_step = "end other programs, lower sandbox_memory, or name fewer sandbox hosts"
        yield Finding(HERE, "memory", Severity.WARNING, message, next_step)
