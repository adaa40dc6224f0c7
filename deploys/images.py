"""Begin to build the images that a host lacks; this takes minutes, while the host is set up."""

from pyinfra import host

from minetlab.inventory import current
from minetlab.inventory.hosts import CONTAINER_HOSTS, KVM_HOSTS
from minetlab.operations import guest_images, tp_images

lab, _ = current.lab_and_plan()

if KVM_HOSTS in host.groups:
    kvm_settings = lab.kvm_host(host.name).settings
    guest_images.start_build(
        name="Begin to build the guest image",
        lab=lab.name,
        image=kvm_settings.guest_image,
        tps=kvm_settings.guest_tps,
        disk=kvm_settings.guest.disk,
    )

if CONTAINER_HOSTS in host.groups:
    container_settings = lab.container_host(host.name).settings
    tp_images.start_builds(
        name="Begin to build the TP images", lab=lab.name, names=container_settings.tp_images
    )
