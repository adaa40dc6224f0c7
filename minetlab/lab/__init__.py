"""What a lab is: typed, validated, frozen objects, from which every later step works. No I/O."""

from minetlab.lab.allocation import Allocation, Placement, parse_allocation
from minetlab.lab.lab import ContainerHost, KvmHost, Lab
from minetlab.lab.roster import parse_roster
from minetlab.lab.settings import (
    BridgedNetwork,
    ContainerHostSettings,
    ContainerLimits,
    DebianImage,
    GuestImage,
    GuestNetwork,
    GuestSize,
    KvmHostSettings,
    LabSettings,
    NatNetwork,
    UrlImage,
)
from minetlab.lab.student import Student
from minetlab.lab.table import decode

__all__ = [
    "Allocation",
    "BridgedNetwork",
    "ContainerHost",
    "ContainerHostSettings",
    "ContainerLimits",
    "DebianImage",
    "GuestImage",
    "GuestNetwork",
    "GuestSize",
    "KvmHost",
    "KvmHostSettings",
    "Lab",
    "LabSettings",
    "NatNetwork",
    "Placement",
    "Student",
    "UrlImage",
    "decode",
    "parse_allocation",
    "parse_roster",
]
