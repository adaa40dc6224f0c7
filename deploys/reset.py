"""Give students new machines in place of their present ones.

Usage: pyinfra inventories/lab.py deploys/reset.py --data students=alice,bob
"""

from pyinfra import host, local

from minetlab.inventory import current
from minetlab.inventory.hosts import CONTAINER_HOSTS, KVM_HOSTS
from minetlab.operations import access, docker, guests, homes, lock

lab, plan = current.lab_and_plan()
chosen = current.chosen_plan()

lock.take(name="Take the host's lock", lab=lab.name)

local.include("deploys/remove.py")

if CONTAINER_HOSTS in host.groups:
    container_settings = lab.container_host(host.name).settings
    containers = chosen.containers_on(host.name)
    access.keys(name="Let the students log into their containers", lab=lab.name, containers=containers)
    homes.mount(
        name="Give each container a home folder",
        lab=lab.name,
        containers=containers,
        settings=container_settings,
    )
    docker.containers(
        name="Run the students' containers",
        lab=lab.name,
        containers=containers,
        settings=container_settings,
        neighbours=plan.containers_on(host.name),
    )

local.include("deploys/jump.py")

if KVM_HOSTS in host.groups:
    settings = lab.kvm_host(host.name).settings
    guests.run(
        name="Run the students' guests",
        lab=lab.name,
        settings=settings,
        guests=chosen.guests_on(host.name),
        require_kvm=lab.require_kvm,
        neighbours=plan.guests_on(host.name),
    )
    guests.wait(name="Wait for the guests to answer SSH", lab=lab.name, guests=chosen.guests_on(host.name))
