"""Remove students' machines: pyinfra inventories/lab.py deploys/remove.py --data students=alice,bob"""

from pyinfra import host

from minetlab.inventory import inventory
from minetlab.operations import jump, lock, site, students

lab, _ = inventory.current()
chosen = inventory.chosen()
others, plan_of_others = inventory.others()

lock.take(name="Take the host's lock", lab=lab.name)
jump.keys(name="Let them through no more", lab=others, plan=plan_of_others)

if inventory.KVM_HOSTS in host.groups:
    students.remove_guests(
        name="Remove the students' guests", lab=lab.name, guests=chosen.guests_on(host.name)
    )

if inventory.CONTAINER_HOSTS in host.groups:
    students.remove_containers(
        name="Remove the students' containers", lab=lab.name, containers=chosen.containers_on(host.name)
    )
    site.users(name="Let them into the TP site no more", lab=others)
