"""Which images a lab needs that are built on this machine: of guests, TPs, the TP site and sandbox hosts."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from minetlab.images import build_disk, build_rootfs
from minetlab.images.disk import disk_file, rootfs_file
from minetlab.images.edition import Edition
from minetlab.images.manifest import ImageManifest, read_manifest
from minetlab.images.recipe import ImageRecipe
from minetlab.inventory.hosts import SANDBOX_PREFIX, InventoryHost
from minetlab.lab import DebianImage, Lab
from minetlab.sandbox.images import sandbox_recipe
from minetlab.sandbox.spec import DATA_PREFIX, SandboxSpec, spec_of
from minetlab.site import server
from minetlab.ssh.ssh_config import alias_of
from minetlab.tp import guest_tps, tp_images
from minetlab.util.progress import Progress

FileOf = Callable[[ImageRecipe], Path]
Build = Callable[[ImageRecipe, Progress, Edition | None], Path]


@dataclass(frozen=True)
class LabImage:
    """An image of a lab that is built on this machine.

    :param recipe: its recipe.
    :param is_disk: whether it is the disk of a machine, or else the root file system of containers.
    """

    recipe: ImageRecipe
    is_disk: bool

    @property
    def name(self) -> str:
        """The name of its recipe, which no other image of the lab has."""
        return self.recipe.name

    @property
    def file(self) -> Path:
        """Its file in the cache, of its known edition, whether it exists or not."""
        file_of: FileOf = disk_file if self.is_disk else rootfs_file
        return file_of(self.recipe)

    @property
    def manifest(self) -> ImageManifest | None:
        """Its manifest in the cache; None if the cache does not have it."""
        return read_manifest(self.file)

    def build(self, edition: Edition, progress: Progress) -> Path:
        """Build it from an edition, unless the cache has it; which edition is used stays as it is known."""
        build: Build = build_disk if self.is_disk else build_rootfs
        return build(self.recipe, progress, edition)


def lab_images(lab: Lab, hosts: Iterable[InventoryHost]) -> tuple[LabImage, ...]:
    """List the images of a lab that are built on this machine.

    :param lab: the lab.
    :param hosts: the hosts of its inventory.
    :return: each image once, by name.
    :raises LabError: a TP or a sandbox host is described wrongly.
    """
    images = {image.recipe.digest: image for image in (*_of_machines(lab), *_of_sandbox_hosts(hosts))}
    return tuple(sorted(images.values(), key=lambda image: image.name))


def _of_machines(lab: Lab) -> Iterator[LabImage]:
    for kvm_host in lab.kvm_hosts:
        settings = kvm_host.settings
        if isinstance(settings.guest_image, DebianImage):
            recipe = guest_tps.recipe(settings.guest_image.debian, settings.guest_tps)
            yield LabImage(recipe, is_disk=True)
    for container_host in lab.container_hosts:
        for image in tp_images.read(container_host.settings.tp_images):
            yield LabImage(tp_images.recipe(image), is_disk=False)
        if container_host.settings.site_port:
            yield LabImage(server.recipe(), is_disk=False)


def _of_sandbox_hosts(hosts: Iterable[InventoryHost]) -> Iterator[LabImage]:
    for host in hosts:
        if host.name.startswith(SANDBOX_PREFIX):
            values = {name: host.data.get(f"{DATA_PREFIX}{name}") for name in SandboxSpec.model_fields}
            spec = spec_of(alias_of(host.name), **values)
            yield LabImage(sandbox_recipe(spec.debian, spec.image, spec.disk), is_disk=True)
