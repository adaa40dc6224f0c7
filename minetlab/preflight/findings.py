"""What the preflight says: findings, how bad they are, and the hosts that they are about. No I/O."""

from dataclasses import dataclass
from enum import StrEnum

from minetlab.lab import ContainerHostSettings, KvmHostSettings, Lab
from minetlab.plan.allocation import Container, Guest
from minetlab.resources.host import HostObserved

GROUP_DATA = "inventories/group_data"


class Severity(StrEnum):
    """How bad it is: only a problem keeps ``lab up`` from beginning."""

    OK = "ok"
    WARNING = "warning"
    UNREACHABLE = "unreachable"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """One thing that was checked.

    :param host: its alias; what is checked here is this machine's.
    :param check: the check's name, as docs/reference/check.md lists it.
    :param found: what is the case; ``next_step``: what to do about it, where something has to be done.
    """

    host: str
    check: str
    severity: Severity
    found: str
    next_step: str = ""


@dataclass(frozen=True)
class Subject:
    """A host, and all that the lab wants of it.

    :param alias: what it is called in findings.
    :param kvm: its settings as a KVM host; ``container``: as a container host; None: it is none.
    :param observed: what it is and has.
    """

    lab: Lab
    alias: str
    observed: HostObserved
    guests: tuple[Guest, ...] = ()
    containers: tuple[Container, ...] = ()
    kvm: KvmHostSettings | None = None
    container: ContainerHostSettings | None = None

    def ok(self, check: str, found: str) -> Finding:
        """It is as it should be."""
        return Finding(self.alias, check, Severity.OK, found)

    def warning(self, check: str, found: str, next_step: str) -> Finding:
        """The lab can be deployed, and will not be as it should."""
        return Finding(self.alias, check, Severity.WARNING, found, next_step)

    def problem(self, check: str, found: str, next_step: str) -> Finding:
        """The deploy would fail, or do harm."""
        return Finding(self.alias, check, Severity.PROBLEM, found, next_step)
