"""Bring guests back to their snapshots: pyinfra inventories/lab.py deploys/revert.py --data students=alice"""

from pyinfra import host

from minetlab.inventory import inventory
from minetlab.operations import lock, students

lab, _ = inventory.current()
chosen = inventory.chosen()

lock.take(name="Take the host's lock", lab=lab.name)

if inventory.KVM_HOSTS in host.groups:
    students.revert(
        name="Bring students' guests back to their snapshots",
        lab=lab.name,
        guests=chosen.guests_on(host.name),
    )
