"""Send the guest image, built or fetched on this machine, to a KVM host that lacks it, and verify it."""

from pyinfra import host

from minetlab.inventory import current
from minetlab.operations import guest_images

lab, _ = current.lab_and_plan()
settings = lab.kvm_host(host.name).settings

guest_images.upload(
    name="Receive the guest image",
    lab=lab.name,
    image=settings.guest_image,
    tps=settings.guest_tps,
    disk=settings.guest.disk,
)
