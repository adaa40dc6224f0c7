"""What is checked before a deploy touches anything: every host, and this machine."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from minetlab.inventory.hosts import InventoryHost
from minetlab.lab import Lab
from minetlab.machines.status import on_each
from minetlab.plan import Plan
from minetlab.preflight.findings import Finding, Severity
from minetlab.preflight.fitness import verdict
from minetlab.preflight.here import this_machine
from minetlab.preflight.hosts import look

__all__ = ["Preflight", "preflight"]


@dataclass(frozen=True)
class Preflight:
    """What was found, host by host, and one line that says whether the lab fits."""

    findings: tuple[Finding, ...]
    verdict: str

    def of(self, *severities: Severity) -> tuple[Finding, ...]:
        """The findings that are so bad."""
        return tuple(each for each in self.findings if each.severity in severities)


def preflight(lab: Lab, plan: Plan, hosts: Iterable[InventoryHost], config: Path) -> Preflight:
    """Look at every host, at the cost of one round trip, and at this machine; nothing is changed.

    :param config: the lab's SSH configuration.
    """
    looks = on_each(hosts, lambda host: look(lab, plan, host, config))
    findings = [*(each for one in looks for each in one.findings), *this_machine(lab, looks)]
    order = list(dict.fromkeys(each.host for each in findings))
    findings.sort(key=lambda each: order.index(each.host))
    return Preflight(tuple(findings), verdict([each.subject for each in looks if each.subject], findings))
