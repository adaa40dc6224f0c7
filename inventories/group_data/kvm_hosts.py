"""Settings of the KVM hosts and of the guests on them."""

# A network of the lab's own behind NAT. To put guests on an existing bridge of the host instead:
# guest_network = {"mode": "bridge", "bridge": "br0", "subnet": "192.0.2.0/24",
#                  "gateway": "192.0.2.1", "nameservers": ["192.0.2.1"]}
guest_network = {"mode": "nat", "subnet": "10.77.0.0/24"}

# Of each guest: memory in MiB, cores, disk in GiB (thin).
guest = {"memory": 1024, "cores": 4, "disk": 8}

# How many students have their guest on a host at most: set it here, or for one host in the inventory.
# Students are spread in proportion to it; without one, evenly and without a limit. 0: nobody.
# capacity = 12

# False: guests are defined, with disk and seed, and not started; those that run stay running. Set it here,
# or for one host in the inventory. See docs/howto/the-day-before.md.
guests_run = True

# How many guests boot at the same time: too many at once are slower than one after the other. None: as many
# as the host has idle processors for. See docs/decisions/guests-start-as-others-answer.md.
boots_at_once = None

# Built from Debian's packages. An official cloud image instead: {"url": "https://…", "sha512": "…"}
guest_image = {"debian": 13}

# Folders of tp/: the practical work that every guest has, such as ["vm", "conteneur"]. It is in the guest
# image: guests that exist stay as they are, and an image from a URL has none of it, which asks for [].
# In the sandbox: see @sandbox.py.
guest_tps = ["vm", "conteneur"]
