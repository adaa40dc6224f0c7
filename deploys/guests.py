"""Define and start the students' guests on a KVM host, and wait until they answer SSH."""

from pyinfra import host

from minetlab.inventory import current
from minetlab.operations import guests

lab, plan = current.lab_and_plan()
settings = lab.kvm_host(host.name).settings

guests.run(
    name="Run the students' guests",
    lab=lab.name,
    settings=settings,
    guests=plan.guests_on(host.name),
    require_kvm=lab.require_kvm,
)
guests.wait(name="Wait for the guests to answer SSH", lab=lab.name, guests=plan.guests_on(host.name))
