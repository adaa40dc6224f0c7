"""Write the TP site's present certificates to the hosts that serve it.

Usage: pyinfra inventories/lab.py deploys/certificates.py
"""

from pyinfra import host

from minetlab.inventory import current
from minetlab.inventory.hosts import CONTAINER_HOSTS
from minetlab.operations import lock, site

lab, _ = current.lab_and_plan()

lock.take(name="Take the host's lock", lab=lab.name)

if CONTAINER_HOSTS in host.groups:
    site.certificate(
        name="Give the TP site its certificate", lab=lab, container_host=lab.container_host(host.name)
    )
