"""Take a snapshot of guests: pyinfra inventories/lab.py deploys/snapshot.py --data students=alice,bob"""

from pyinfra import host

from minetlab.inventory import inventory
from minetlab.operations import lock, students

lab, _ = inventory.current()
chosen = inventory.chosen()

lock.take(name="Take the host's lock", lab=lab.name)

if inventory.KVM_HOSTS in host.groups:
    students.snapshot(
        name="Take a snapshot of students' guests", lab=lab.name, guests=chosen.guests_on(host.name)
    )
