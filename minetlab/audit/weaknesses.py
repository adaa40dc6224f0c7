"""The weaknesses that the audit names, how much they weigh, and the hosts that it looks at. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from minetlab.lab import ContainerHostSettings, KvmHostSettings, Lab
from minetlab.plan.allocation import Container, Guest
from minetlab.resources.firewall import FirewallObserved, FirewallSpec
from minetlab.resources.jump import JumpObserved
from minetlab.resources.security import SecurityObserved


class Weight(StrEnum):
    """How much a weakness weighs; the first is the worst."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True)
class Weakness:
    """Something that lets somebody do what docs/security.md says they cannot, or hides that they do.

    :param machine: the alias of the machine, or "this machine".
    :param rule: the name of the rule that found it, as in docs/reference/audit.md.
    :param weight: how much it weighs.
    :param problem: what is weak, for the administrator.
    :param next_step: what to do about it.
    """

    machine: str
    rule: str
    weight: Weight
    problem: str
    next_step: str


@dataclass(frozen=True)
class AuditedHost:
    """A host as it is, and as the lab wants it.

    :param lab: the lab.
    :param alias: the name of the host in weaknesses.
    :param security: what keeps its machines and accounts apart.
    :param firewall: what it has of the lab's firewall.
    :param planned_firewall: what it should have.
    :param jump: what it has of the lab's jump account.
    :param guests: the guests that the plan has on it.
    :param containers: the containers that the plan has on it.
    :param kvm: its settings as a KVM host; None if it is not a KVM host.
    :param container: its settings as a container host; None if it is not a container host.
    :param in_sandbox: whether it is a sandbox host.
    :param host_key_checking: the host data ``ssh_strict_host_key_checking``; empty if it is not set.
    :param known_keys: the encoded public keys that this machine knows: of its user, the lab and its students.
    :param reached: the TCP ports of the host that answered this machine.
    """

    lab: Lab
    alias: str
    security: SecurityObserved
    firewall: FirewallObserved = field(default_factory=FirewallObserved)
    planned_firewall: FirewallSpec = field(default_factory=lambda: FirewallSpec(""))
    jump: JumpObserved = field(default_factory=JumpObserved)
    guests: tuple[Guest, ...] = ()
    containers: tuple[Container, ...] = ()
    kvm: KvmHostSettings | None = None
    container: ContainerHostSettings | None = None
    in_sandbox: bool = False
    host_key_checking: str = ""
    known_keys: frozenset[str] = frozenset()
    reached: frozenset[int] = frozenset()


@dataclass(frozen=True)
class ThisMachine:
    """The files of the lab on the machine where ``lab`` is run.

    :param user: the number of its user.
    :param modes: permissions and owner of the files in the lab's state folder, by path.
    :param keys: when each private key was made, in seconds since 1970, by path in the lab's state folder.
    :param images: when each image of the lab was known to be up to date, in seconds since 1970, by its name.
    :param now: the time.
    :param lab_made: when the oldest thing of the lab on any host was made; None if there is none.
    """

    user: int
    modes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    keys: Mapping[str, float] = field(default_factory=dict)
    images: Mapping[str, float] = field(default_factory=dict)
    now: float = 0.0
    lab_made: float | None = None


Look = tuple[Weight, str, str]
"""What a rule says of its subject: how much it weighs, what is weak, and what to do."""
