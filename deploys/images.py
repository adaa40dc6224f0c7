"""Begin to build the images that a host lacks: that takes minutes, in which it can be provisioned."""

from pyinfra import host

from minetlab.inventory import current
from minetlab.inventory.hosts import CONTAINER_HOSTS, KVM_HOSTS
from minetlab.operations import guest_images, tp_images

lab, _ = current.lab_and_plan()

if KVM_HOSTS in host.groups:
    of_kvm = lab.kvm_host(host.name).settings
    guest_images.start_build(
        name="Begin to build the guest image", lab=lab.name, image=of_kvm.guest_image, tps=of_kvm.guest_tps
    )

if CONTAINER_HOSTS in host.groups:
    of_containers = lab.container_host(host.name).settings
    tp_images.start_builds(name="Begin to build the TP images", lab=lab.name, names=of_containers.tp_images)
