"""Remove everything that carries the lab's label, and nothing else.

Usage: pyinfra inventories/lab.py deploys/teardown.py
"""

from pyinfra import host

from minetlab.inventory import current
from minetlab.inventory.hosts import CONTAINER_HOSTS, KVM_HOSTS
from minetlab.operations import allocation_file, docker, firewall, jump, libvirt, lock

lab, plan = current.lab_and_plan()

lock.take(name="Take the host's lock", lab=lab.name)
jump.remove_account(name="Remove the jump account", lab=lab.name)

if KVM_HOSTS in host.groups:
    libvirt.teardown(name="Remove the lab's guests, volumes and network", lab=lab.name)

if CONTAINER_HOSTS in host.groups:
    docker.teardown(name="Remove the lab's containers, images and network", lab=lab.name)

# After the machines that it keeps from others.
firewall.remove(name="Remove the lab's firewall", lab=lab.name)

allocation_file.prune(
    name="Remove machines of students who left from the allocation file", lab=lab, plan=plan
)
