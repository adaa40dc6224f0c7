"""Write students' and the lab's present keys and passwords to the hosts, and end the sessions of old keys.

Usage: pyinfra inventories/lab.py deploys/keys.py --data students=alice

Running guests are not changed, as they are not reached from their host: `lab rotate` changes those.
"""

from pyinfra import host

from minetlab.inventory import current
from minetlab.inventory.hosts import CONTAINER_HOSTS, KVM_HOSTS
from minetlab.operations import access, guests, jump, lock, site, specs

lab, plan = current.lab_and_plan()
chosen = current.chosen_plan()

lock.take(name="Take the host's lock", lab=lab.name)

if KVM_HOSTS in host.groups:
    guests.seeds(
        name="Write the students' seeds",
        lab=lab.name,
        network=lab.kvm_host(host.name).settings.guest_network,
        guests=chosen.guests_on(host.name),
    )

if CONTAINER_HOSTS in host.groups:
    access.keys(
        name="Let the students log into their containers",
        lab=lab.name,
        containers=chosen.containers_on(host.name),
    )
    site.users(name="Let the students into the TP site", lab=lab)

jump.keys(name="Let the students through to their machines", lab=lab, plan=plan)

# Whoever has logged in by a key that is removed now would stay.
ended = specs.with_revoked_keys(lab.name, chosen)

if CONTAINER_HOSTS in host.groups:
    access.end_sessions(name="End the sessions of old keys", containers=ended.containers_on(host.name))

jump.end_sessions(name="End the connections of old keys", lab=lab, plan=plan, ended=ended)
