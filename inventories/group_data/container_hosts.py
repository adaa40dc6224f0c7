"""Settings of the container hosts and of the containers on them."""

# Docker cuts its networks from these; a /16 in /24s is 256 networks.
docker_address_pools = [{"base": "10.201.0.0/16", "size": 24}]

# Folders of tp/: each student gets one container of each.
tp_images = ["processus"]

# Of each container: memory in MiB, processes, and the Linux capabilities it keeps.
container = {"memory": 256, "pids": 128, "capabilities": []}

# Each container answers SSH on a port of its own, out of these.
ssh_ports = {"first": 20000, "last": 29999}

# The TP site, for students and their instructor, on each container host; None: not there. For one host alone:
# container_hosts = ["ct1.example.org", ("ct2.example.org", {"portal_port": None})]
portal_port = 8080
