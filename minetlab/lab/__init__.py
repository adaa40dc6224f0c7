"""What a lab is: typed, validated, frozen objects, from which every later step works. No I/O."""

from minetlab.lab.allocation import (
    Allocation as Allocation,
    Placement as Placement,
    parse_allocation as parse_allocation,
)
from minetlab.lab.lab import ContainerHost as ContainerHost, KvmHost as KvmHost, Lab as Lab
from minetlab.lab.roster import parse_roster as parse_roster
from minetlab.lab.settings import (
    BridgedNetwork as BridgedNetwork,
    CertificateFiles as CertificateFiles,
    ContainerHostSettings as ContainerHostSettings,
    ContainerLimits as ContainerLimits,
    DebianImage as DebianImage,
    GuestImage as GuestImage,
    GuestNetwork as GuestNetwork,
    GuestSize as GuestSize,
    KvmHostSettings as KvmHostSettings,
    LabSettings as LabSettings,
    NatNetwork as NatNetwork,
    UrlImage as UrlImage,
)
from minetlab.lab.student import Student as Student
from minetlab.lab.table import decode as decode
