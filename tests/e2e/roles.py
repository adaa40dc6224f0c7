"""Hosts as they are before a lab comes to them: the roles' packages and daemons, and nothing else."""

from pyinfra.context import host
from pyinfra.operations import systemd

from minetlab.inventory import current
from minetlab.inventory.hosts import CONTAINER_HOSTS, KVM_HOSTS
from minetlab.lab.packages import CONTAINER_HOST_PACKAGES, KVM_HOST_PACKAGES
from minetlab.operations import libvirt, packages

lab, _ = current.lab_and_plan()

if KVM_HOSTS in host.groups:
    packages.install(name="Install QEMU and libvirt", packages=KVM_HOST_PACKAGES)
    libvirt.services(name="Run libvirtd", lab=lab.name)

if CONTAINER_HOSTS in host.groups:
    packages.install(name="Install Docker Engine", packages=CONTAINER_HOST_PACKAGES)
    systemd.service(name="Run dockerd", service="docker.service", running=True, enabled=True)
