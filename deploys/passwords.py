"""Write the TP site's present passwords to the hosts that serve it.

Usage: pyinfra inventories/lab.py deploys/passwords.py
"""

from minetlab.inventory import current
from minetlab.operations import lock, site

lab, _ = current.lab_and_plan()

lock.take(name="Take the host's lock", lab=lab.name)

site.users(name="Let students and instructor into the TP site", lab=lab)
