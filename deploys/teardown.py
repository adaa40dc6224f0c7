"""Remove what carries the lab's label, and nothing else: pyinfra inventories/lab.py deploys/teardown.py"""

from pyinfra import host

from minetlab import inventory
from minetlab.operations import docker, libvirt

lab, _ = inventory.current()

if inventory.KVM_HOSTS in host.groups:
    libvirt.absent(name="Remove the lab's guests, volumes and network", lab=lab.name)

if inventory.CONTAINER_HOSTS in host.groups:
    docker.absent(name="Remove the lab's containers, images and network", lab=lab.name)
