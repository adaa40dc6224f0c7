"""Labs of any students, hosts and capacities, for the tests of who gets what."""

from ipaddress import IPv4Network

from minetlab.lab import (
    Allocation,
    ContainerHost,
    ContainerHostSettings,
    KvmHost,
    KvmHostSettings,
    Lab,
    NatNetwork,
    Student,
)
from minetlab.lab.settings import PortRange

SUBNET = NatNetwork(subnet=IPv4Network("10.0.0.0/27"), reserved=15)
PORTS = PortRange(first=20000, last=20023)
TPS = ("isa", "processus")


def lab_of(logins, capacities=(None,), *, allocation=None, tps=TPS, prefix="", name="lab"):
    return Lab(
        name=name,
        students=tuple(Student(login=login, name=login) for login in logins),
        kvm_hosts=tuple(
            KvmHost(
                name=f"{prefix}hv{number}", settings=KvmHostSettings(guest_network=SUBNET, capacity=capacity)
            )
            for number, capacity in enumerate(capacities)
        ),
        container_hosts=tuple(
            ContainerHost(
                name=f"{prefix}ct{number}",
                settings=ContainerHostSettings(ssh_ports=PORTS, capacity=capacity, tp_images=tps),
            )
            for number, capacity in enumerate(capacities)
        ),
        allocation=allocation or Allocation(),
    )
