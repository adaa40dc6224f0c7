"""Break the lock that a run holds on hosts.

Usage: pyinfra inventories/lab.py deploys/unlock.py --limit hv1
"""

from minetlab.operations import lock

lock.remove(name="Break the host's lock")
