"""A lab with a TP site, for the tests of its pages and of how a host comes to serve it."""

from minetlab.lab import (
    BridgedNetwork,
    ContainerHost,
    ContainerHostSettings,
    KvmHost,
    KvmHostSettings,
    Lab,
    Student,
)
from minetlab.plan import allocate
from minetlab.secrets import passwords
from minetlab.site import build

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk alice@example.org"


def lab_of(*students: Student, bridged: bool = False, **hosts: str) -> Lab:
    network = {"guest_network": BRIDGED} if bridged else {}
    return Lab(
        name="minet",
        students=students or (Student(login="alice", name="Alice Exemple", ssh_key=KEY),),
        kvm_hosts=(
            KvmHost(name="hv1", hostname=hosts.get("hv1"), settings=KvmHostSettings.model_validate(network)),
        ),
        container_hosts=(
            ContainerHost(name="@sandbox/ct1", hostname=hosts.get("ct1"), settings=ContainerHostSettings()),
        ),
    )


BRIDGED = BridgedNetwork.model_validate(
    {
        "mode": "bridge",
        "bridge": "br0",
        "subnet": "192.0.2.0/24",
        "gateway": "192.0.2.1",
        "nameservers": ["192.0.2.1"],
    }
)
LAB = lab_of()
SITE = build.site_of(LAB, allocate(LAB))


def let_in_by() -> list[str]:
    """The passwords of the lab's site, and their hashes."""
    accounts = (passwords.student("minet", "alice"), passwords.instructor("minet"))
    return [secret for account in accounts for secret in (account.password, account.hashed)]
