"""What is checked before a deploy touches anything: every host, and this machine."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from minetlab.images.recipe import ImageRecipe
from minetlab.inventory.hosts import InventoryHost
from minetlab.lab import Lab
from minetlab.machines.status import on_each
from minetlab.plan import Plan
from minetlab.preflight.findings import Finding, Severity
from minetlab.preflight.fitness import verdict
from minetlab.preflight.hosts import look
from minetlab.preflight.image_ages import ages_here
from minetlab.preflight.this_machine import findings_here, recipes_to_build


@dataclass(frozen=True)
class Preflight:
    """The result of a preflight.

    :param findings: the findings, host by host.
    :param verdict: the end of a sentence that begins with "the lab" and says whether it fits.
    :param to_build: the recipes of the images that hosts lack and that this machine does not have either.
    """

    findings: tuple[Finding, ...]
    verdict: str
    to_build: tuple[ImageRecipe, ...] = ()

    def with_severity(self, *severities: Severity) -> tuple[Finding, ...]:
        """Return the findings that have one of these severities."""
        return tuple(finding for finding in self.findings if finding.severity in severities)


def preflight(lab: Lab, plan: Plan, hosts: Collection[InventoryHost], config: Path) -> Preflight:
    """Check every host, with one command each and all at once, and this machine; nothing is changed.

    :param lab: the lab.
    :param plan: its plan.
    :param hosts: the hosts of the inventory.
    :param config: the lab's SSH configuration.
    :return: the findings and the verdict.
    """
    looks = on_each(hosts, lambda host: look(lab, plan, host, config))
    findings = [finding for host_look in looks for finding in host_look.findings]
    findings += findings_here(lab, looks)
    findings += ages_here(lab, hosts, datetime.now(UTC))
    order = list(dict.fromkeys(finding.host for finding in findings))
    findings.sort(key=lambda finding: order.index(finding.host))
    subjects = [host_look.subject for host_look in looks if host_look.subject]
    return Preflight(tuple(findings), verdict(subjects, findings), recipes_to_build(lab, looks))
