"""Settings of the container hosts and of the containers on them."""

# dockerd cuts its networks from these pools: a /16 gives 256 networks of size 24. All labs of a host need the
# same pools.
docker_address_pools = [{"base": "10.201.0.0/16", "size": 24}]

# TP images, by their folders in tp/: each student gets a container of each. For the sandbox, see @sandbox.py.
tp_images = ["processus", "isa", "emulation"]

# The limits of each container: memory in MiB, number of processes, processors (such as 0.5; None: no limit),
# open files of each process, the size of the home folder in MiB, operations per second on the host's disks,
# Mbit/s that it sends and receives, and the Linux capabilities that it keeps. Its seccomp profile refuses
# most system calls that need one, such as mount and raw sockets, all the same.
container = {
    "memory": 256,
    "pids": 128,
    "cpus": 1,
    "files": 1024,
    "disk": 512,
    "iops": 500,
    "bandwidth": 100,
    "capabilities": [],
}

# How much of the processors all containers of a host get together when others want them, too: the host's own
# services have 100, and its guests together, too.
cpu_weight = 30

# Whether the host's kernel loads modules when a program needs one that is not there, such as one for NFS.
# Before Linux 6.14, a container can have it look for modules without end, which slows all others.
module_autoload = False

# What containers may reach beyond their host: names, addresses and networks, such as ["deb.debian.org"]; or
# "open", for everything. No sheet needs anything. See docs/reference/firewall.md.
egress = []

# For how many students at most a host has containers: set it here, or for one host in the inventory. Students
# are spread in proportion to it; without it, evenly and without a limit. 0: nobody.
# capacity = 30

# Each container answers SSH on a port of its own in this range.
ssh_ports = {"first": 20000, "last": 29999}

# The address of a host on which containers and the TP site answer. None: all of its IPv4 addresses. It can be
# set for one host alone:
# container_hosts = [("ct1.example.org", {"published_on": "192.0.2.7"})]
published_on = None

# The port of the TP site, for students and their instructor, on each container host. None: no TP site. It can
# be set for one host alone:
# container_hosts = ["ct1.example.org", ("ct2.example.org", {"site_port": None})]
site_port = 8080

# The certificate with which the TP site speaks TLS, in files of this machine, such as
# {"chain": "/etc/letsencrypt/live/ct1.example.org/fullchain.pem",
#  "key": "/etc/letsencrypt/live/ct1.example.org/privkey.pem"}. None: a CA of the lab's own signs one. It can
# be set for one host alone. See docs/reference/site.md.
site_certificate = None
