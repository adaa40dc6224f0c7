"""Bring students' guests back to their snapshots.

Usage: pyinfra inventories/lab.py deploys/revert.py --data students=alice,bob
"""

from pyinfra import host

from minetlab.inventory import current
from minetlab.inventory.hosts import KVM_HOSTS
from minetlab.operations import lock, students

lab, _ = current.lab_and_plan()
chosen = current.chosen_plan()

lock.take(name="Take the host's lock", lab=lab.name)

if KVM_HOSTS in host.groups:
    students.revert(
        name="Bring students' guests back to their snapshots",
        lab=lab.name,
        guests=chosen.guests_on(host.name),
    )
