"""Deploy the whole lab; each part comes after those that it needs.

Usage: pyinfra inventories/lab.py deploys/all.py
"""

from pyinfra import host, local

from minetlab.inventory import current
from minetlab.inventory.hosts import CONTAINER_HOSTS, KVM_HOSTS
from minetlab.operations import allocation_file, lock

lab, plan = current.lab_and_plan()  # refuses a wrong inventory before anything is touched

lock.take(name="Take the host's lock", lab=lab.name)

allocation_file.write(name="Record who has what", lab=lab, plan=plan)

local.include("deploys/images.py")

if KVM_HOSTS in host.groups:
    local.include("deploys/kvm_host.py")

if CONTAINER_HOSTS in host.groups:
    local.include("deploys/container_host.py")

local.include("deploys/firewall.py")

if CONTAINER_HOSTS in host.groups:
    local.include("deploys/tp_images.py")
    local.include("deploys/site.py")
    local.include("deploys/containers.py")

local.include("deploys/jump.py")

# Guests come last, as they take long to boot: nothing waits for them, or is missing if one does not come up.
if KVM_HOSTS in host.groups:
    local.include("deploys/guest_images.py")
    local.include("deploys/guests.py")
