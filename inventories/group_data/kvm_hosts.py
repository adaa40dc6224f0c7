"""Settings of the KVM hosts and of the guests on them."""

# The guests' network: one of the lab behind NAT. To put guests on an existing bridge of the host instead:
# guest_network = {"mode": "bridge", "bridge": "br0", "subnet": "192.0.2.0/24",
#                  "gateway": "192.0.2.1", "nameservers": ["192.0.2.1"]}
guest_network = {"mode": "nat", "subnet": "10.77.0.0/24"}

# The resources of each guest: memory in MiB, cores, and the size of its thin disk in GiB; how many processors
# of its host it may use at most (None: as many as it has cores), how often a second it may use its disk, and
# what it may send and receive in Mbit/s.
guest = {"memory": 1024, "cores": 4, "disk": 8, "cpus": None, "iops": 2000, "bandwidth": 100}

# For how many students at most a host has guests: set it here, or for one host in the inventory. Students are
# spread in proportion to it; without it, evenly and without a limit. 0: nobody.
# capacity = 12

# False: guests are defined, with disk and seed, but not started; those that run stay running. Set it here, or
# for one host in the inventory. See docs/howto/the-day-before.md.
guests_run = True

# How many guests boot at the same time, as too many at once are slower than one after the other. None: as
# many as the host has idle processors for. See docs/decisions/guests-start-as-others-answer.md.
boots_at_once = None

# What guests may reach beyond their host: names, addresses and networks, such as ["deb.debian.org"]; or
# "open", for everything. No sheet needs anything. See docs/reference/firewall.md.
egress = []

# Built from Debian packages. For an official cloud image instead: {"url": "https://…", "sha512": "…"}
guest_image = {"debian": 13}

# Guest TPs, by their folders in tp/, such as ["vm", "conteneur"]. They are a part of the guest image:
# existing guests stay as they are, and an image from a URL cannot have any, so it needs []. For the sandbox,
# see @sandbox.py.
guest_tps = ["vm", "conteneur"]
