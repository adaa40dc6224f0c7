"""Settings of the container hosts and of the containers on them."""

# Docker cuts its networks from these; a /16 in /24s is 256 networks. Labs that share a host share them.
docker_address_pools = [{"base": "10.201.0.0/16", "size": 24}]

# Folders of tp/: each student gets one container of each. In the sandbox: see @sandbox.py.
tp_images = ["processus", "isa", "emulation"]

# Of each container: memory in MiB, processes, and the Linux capabilities it keeps.
container = {"memory": 256, "pids": 128, "capabilities": []}

# How many students have their containers on a host at most: set it here, or for one host in the inventory.
# Students are spread in proportion to it; without one, evenly and without a limit. 0: nobody.
# capacity = 30

# Each container answers SSH on a port of its own, out of these.
ssh_ports = {"first": 20000, "last": 29999}

# The TP site, for students and their instructor, on each container host; None: not there. For one host alone:
# container_hosts = ["ct1.example.org", ("ct2.example.org", {"site_port": None})]
site_port = 8080
