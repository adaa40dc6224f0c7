"""The slices of systemd that share a host between its containers, dockerd and other services. No I/O."""

import re

from minetlab.lab.settings import ContainerLimits
from minetlab.resources.units import UNITS, drop_in

OPERATION_SIZE = 64 * 1024
"""How many bytes count as one operation on a disk; a larger one counts as several."""
DAEMONS = ("containerd.service", "docker.service")
"""What runs all containers of a host, and does work for them that is not counted as theirs."""
DAEMON_SLICE, DAEMON_WEIGHT = "dockerd.slice", 10
"""Their slice, which all labs of a host share, and its weight: less than that of a lab's containers."""


def lab_slice(lab: str) -> str:
    """Return the slice of all containers of a lab; the host's own services have another share than it has."""
    # A dash in the name of a slice says that it is part of another.
    return f"{_name(lab)}.slice"


def container_slice(lab: str, container: str) -> str:
    """Return the slice of one container, which is a part of the lab's slice."""
    # As systemd-escape(1) does, so that %J in a unit's file is the container's name.
    escaped = re.sub(r"[^a-zA-Z0-9:_.]", lambda letter: f"\\x{ord(letter[0]):02x}", container)
    return f"{_name(lab)}-{escaped}.slice"


def weight_file(lab: str) -> str:
    """Return the path of the file with the weight of the lab's slice: systemd.unit(5), drop-ins."""
    return drop_in(lab_slice(lab))


def daemon_files() -> dict[str, str]:
    """Return the template of each file by which Docker's daemons are in their slice, by the file's path."""
    drop_ins = {drop_in(unit): "docker/daemon-slice.conf.j2" for unit in DAEMONS}
    return {f"{UNITS}/{DAEMON_SLICE}": "docker/dockerd.slice.j2", **drop_ins}


def limits_file(lab: str) -> str:
    """Return the path of the file with the limits of each container's slice: systemd.unit(5), drop-ins."""
    return drop_in(f"{_name(lab)}-.slice")


def limits(container: ContainerLimits) -> dict[str, int]:
    """Return systemd's names and values of the limits of each container: systemd.resource-control(5)."""
    size = container.iops * OPERATION_SIZE
    return {
        "IOReadIOPSMax": container.iops,
        "IOWriteIOPSMax": container.iops,
        "IOReadBandwidthMax": size,
        "IOWriteBandwidthMax": size,
    }


def _name(lab: str) -> str:
    return f"minetlab_{lab.replace('-', '_')}"
