"""What a lab is: typed, validated, frozen. No I/O; every later step works from these objects only."""

from minetlab.model.lab import ContainerHost, KvmHost, Lab
from minetlab.model.record import Placement, Record, parse_record
from minetlab.model.roster import parse_roster
from minetlab.model.settings import (
    BridgedNetwork,
    ContainerHostSettings,
    ContainerLimits,
    DebianImage,
    GuestImage,
    GuestSize,
    KvmHostSettings,
    LabSettings,
    NatNetwork,
    Network,
    UrlImage,
)
from minetlab.model.student import Student
from minetlab.model.table import decode

__all__ = [
    "BridgedNetwork",
    "ContainerHost",
    "ContainerHostSettings",
    "ContainerLimits",
    "DebianImage",
    "GuestImage",
    "GuestSize",
    "KvmHost",
    "KvmHostSettings",
    "Lab",
    "LabSettings",
    "NatNetwork",
    "Network",
    "Placement",
    "Record",
    "Student",
    "UrlImage",
    "decode",
    "parse_record",
    "parse_roster",
]
