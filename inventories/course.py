"""The sandbox with all TPs, so that `lab report` can show every claim of the course.

    ./lab up -i inventories/course.py && ./lab report -i inventories/course.py

Guests keep the image that they were made from: after `lab up` with another inventory, begin with `lab down`.
"""

_ALL = {
    "tp_images": ["processus", "isa", "emulation"],
    "guest_tps": ["vm", "conteneur"],
    "site_port": 8080,
}

kvm_hosts = [("@sandbox/hv1", _ALL)]
container_hosts = [("@sandbox/ct1", _ALL)]
