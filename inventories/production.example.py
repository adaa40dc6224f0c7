"""An example with real machines. Copy it, edit it, and run: pyinfra inventories/production.py deploys/all.py

Hosts are reached over SSH with your own configuration (~/.ssh/config is honoured); they run Debian 12 or 13.
Any group data can be set for one host: write ("name", {"capacity": 8}) instead of "name".
"""

_ACCESS = {"ssh_user": "admin", "_sudo": True}

kvm_hosts = (["hv1.example.org", "hv2.example.org"], _ACCESS)
container_hosts = (["ct1.example.org"], _ACCESS)
