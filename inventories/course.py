"""The sandbox with all of the practical work, for `lab report` to show every claim of the course on.

    ./lab up -i inventories/course.py && ./lab report -i inventories/course.py

Guests keep the image they were made from: after a `lab up` without this file, begin with `lab down`.
"""

_ALL = {
    "tp_images": ["processus", "isa", "emulation"],
    "guest_tps": ["vm", "conteneur"],
    "site_port": 8080,
}

kvm_hosts = [("@sandbox/hv1", _ALL)]
container_hosts = [("@sandbox/ct1", _ALL)]
