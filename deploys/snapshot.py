"""Take a snapshot of each of the students' guests.

Usage: pyinfra inventories/lab.py deploys/snapshot.py --data students=alice,bob
"""

from pyinfra import host

from minetlab.inventory import current
from minetlab.inventory.hosts import KVM_HOSTS
from minetlab.operations import lock, students

lab, _ = current.lab_and_plan()
chosen = current.chosen_plan()

lock.take(name="Take the host's lock", lab=lab.name)

if KVM_HOSTS in host.groups:
    students.snapshot(
        name="Take a snapshot of students' guests", lab=lab.name, guests=chosen.guests_on(host.name)
    )
