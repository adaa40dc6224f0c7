"""An example inventory with real hosts, to be copied to production.py and edited.

Usage: pyinfra inventories/production.py deploys/all.py

Hosts are reached over SSH with your own ~/.ssh/config; they run Debian 12 or 13. Any group data can be set
for one host: write ("name", {"capacity": 8}) instead of "name".
"""

_ACCESS = {"ssh_user": "admin", "_sudo": True}

kvm_hosts = (["hv1.example.org", "hv2.example.org"], _ACCESS)
container_hosts = (["ct1.example.org"], _ACCESS)
