"""The lab's guests, defined and started: deploys/all.py for a KVM host, without the wait for their SSH."""

from pyinfra import local
from pyinfra.context import host

from minetlab.inventory import current
from minetlab.operations import allocation_file, guests, lock

lab, plan = current.lab_and_plan()
settings = lab.kvm_host(host.name).settings

lock.take(name="Take the host's lock", lab=lab.name)
allocation_file.write(name="Record who has what", lab=lab, plan=plan)
local.include("deploys/images.py")
local.include("deploys/kvm_host.py")
local.include("deploys/guest_images.py")
guests.run(
    name="Run the students' guests",
    lab=lab.name,
    settings=settings,
    guests=plan.guests_on(host.name),
    require_kvm=lab.require_kvm,
)
local.include("deploys/jump.py")
