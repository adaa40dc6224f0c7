"""The guest image of a KVM host: built or fetched here, received there once, and verified."""

from pyinfra import host

from minetlab.inventory import current
from minetlab.operations import guest_images

lab, _ = current.lab_and_plan()
settings = lab.kvm_host(host.name).settings

guest_images.upload(
    name="Receive the guest image", lab=lab.name, image=settings.guest_image, tps=settings.guest_tps
)
