"""The findings of the preflight, their severities, and the hosts that they are about. No I/O."""

from dataclasses import dataclass
from enum import StrEnum

from minetlab.lab import ContainerHostSettings, KvmHostSettings, Lab
from minetlab.plan.allocation import Container, Guest
from minetlab.resources.host import HostObserved

GROUP_DATA = "inventories/group_data"


class Severity(StrEnum):
    """How bad a finding is; only a problem keeps ``lab up`` from beginning."""

    OK = "ok"
    WARNING = "warning"
    UNREACHABLE = "unreachable"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    :param host: the alias of the host, or "this machine".
    :param check: the name of the check, as in docs/reference/check.md.
    :param severity: how bad the result is.
    :param message: the result, for the administrator.
    :param next_step: what to do about it; empty if nothing has to be done.
    """

    host: str
    check: str
    severity: Severity
    message: str
    next_step: str = ""


@dataclass(frozen=True)
class CheckedHost:
    """A host, and everything that the lab wants of it.

    :param lab: the lab.
    :param alias: the name of the host in findings.
    :param observed: what the host is and has.
    :param guests: the guests that the plan has on it.
    :param containers: the containers that the plan has on it.
    :param kvm: its settings as a KVM host; None if it is not a KVM host.
    :param container: its settings as a container host; None if it is not a container host.
    """

    lab: Lab
    alias: str
    observed: HostObserved
    guests: tuple[Guest, ...] = ()
    containers: tuple[Container, ...] = ()
    kvm: KvmHostSettings | None = None
    container: ContainerHostSettings | None = None

    def ok(self, check: str, message: str) -> Finding:
        """Return a finding that all is as it should be."""
        return Finding(self.alias, check, Severity.OK, message)

    def warning(self, check: str, message: str, next_step: str) -> Finding:
        """Return a finding with which the lab can be deployed, but will be worse than the course wants."""
        return Finding(self.alias, check, Severity.WARNING, message, next_step)

    def problem(self, check: str, message: str, next_step: str) -> Finding:
        """Return a finding with which a deploy would fail, or do harm."""
        return Finding(self.alias, check, Severity.PROBLEM, message, next_step)
