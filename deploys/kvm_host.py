"""Set up a KVM host: QEMU and libvirt, nested virtualization, the lab's storage pool and network."""

from pyinfra import host

from minetlab.inventory import current
from minetlab.lab.packages import KVM_HOST_PACKAGES
from minetlab.operations import confinement, kvm, libvirt, packages

lab, plan = current.lab_and_plan()
settings = lab.kvm_host(host.name).settings

packages.install(name="Install QEMU and libvirt", packages=KVM_HOST_PACKAGES)
kvm.nested(name="Switch nested virtualization on", lab=lab.name, require_kvm=lab.require_kvm)
confinement.qemu(name="Have AppArmor confine each QEMU")
libvirt.services(name="Run libvirtd, now and at boot", lab=lab.name)
libvirt.sockets(name="Have libvirt obey root and its group only", lab=lab.name)
libvirt.pool(name="Create the lab's storage pool", lab=lab.name)
libvirt.network(
    name="Create the lab's network",
    lab=lab.name,
    network=settings.guest_network,
    guests=plan.guests_on(host.name),
)
