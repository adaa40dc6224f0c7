"""Remove students' machines and their access to hosts.

Usage: pyinfra inventories/lab.py deploys/remove.py --data students=alice,bob
"""

from pyinfra import host

from minetlab.inventory import current
from minetlab.inventory.hosts import CONTAINER_HOSTS, KVM_HOSTS
from minetlab.operations import jump, lock, site, students

lab, _ = current.lab_and_plan()
chosen = current.chosen_plan()
others, plan_of_others = current.lab_and_plan_of_others()

lock.take(name="Take the host's lock", lab=lab.name)
jump.keys(name="Remove the students' keys from the jump account", lab=others, plan=plan_of_others)

if KVM_HOSTS in host.groups:
    students.remove_guests(
        name="Remove the students' guests", lab=lab.name, guests=chosen.guests_on(host.name)
    )

if CONTAINER_HOSTS in host.groups:
    students.remove_containers(
        name="Remove the students' containers", lab=lab.name, containers=chosen.containers_on(host.name)
    )
    site.users(name="Remove the students from the TP site's users", lab=others)
