"""Check one host: one that answers, one that does not, or a sandbox host that is not booted yet."""

import time
from dataclasses import dataclass
from pathlib import Path

from pyinfra.api.exceptions import FactProcessError

from minetlab.facts.host import HostState
from minetlab.inventory.hosts import CONTAINER_HOSTS, KVM_HOSTS, InventoryHost
from minetlab.lab import Lab
from minetlab.machines import status
from minetlab.plan import Plan
from minetlab.preflight import host_keys
from minetlab.preflight.findings import CheckedHost, Finding, Severity
from minetlab.preflight.fitness import findings, room
from minetlab.resources.host import HostObserved, System
from minetlab.sandbox.spec import DATA_PREFIX, SandboxSpec, spec_of
from minetlab.ssh import ssh_config
from minetlab.ssh.run import NoAnswerError
from minetlab.util.errors import LabError
from minetlab.util.process import TooMuchError
from minetlab.util.text import last_line

SYSTEM_MEMORY = 512
"""MiB of memory that the system of a sandbox host is assumed to take before the host can be asked."""


@dataclass(frozen=True)
class HostLook:
    """The result of checking one host.

    :param findings: the findings about it.
    :param subject: the host and what the lab wants of it; None if the host could not be asked.
    :param to_boot: what a sandbox host that is not booted yet will be booted as; else None.
    """

    findings: tuple[Finding, ...]
    subject: CheckedHost | None = None
    to_boot: SandboxSpec | None = None


def look(lab: Lab, plan: Plan, host: InventoryHost, config: Path) -> HostLook:
    """Check a host by one command; a sandbox host that is not booted yet is judged by its settings.

    :param lab: the lab.
    :param plan: its plan.
    :param host: the host to check.
    :param config: the lab's SSH configuration.
    :return: the findings, and what they are about.
    """
    alias = ssh_config.alias_of(host.name)
    if not ssh_config.has_address(host):
        return _not_booted(lab, plan, host)
    asked_at = time.time()
    try:
        answer = status.run_on_host(HostState().command(lab.name), host, config)
        answered_at = time.time()
        if answer.status != 0:
            return _refused(alias, last_line(answer.errors) or "it does not say why")
        observed = HostState().process(answer.output.splitlines())
    except NoAnswerError as error:
        if distrusted := host_keys.problem(host):
            return HostLook((distrusted,))
        next_step = (
            "switch it on, or correct its name, user or key in the inventory or ~/.ssh/config; "
            "lab up goes on with the other hosts"
        )
        problem = f"does not answer: {error}"
        return HostLook((Finding(alias, "reachable", Severity.UNREACHABLE, problem, next_step),))
    except (FactProcessError, TooMuchError) as error:
        return _refused(alias, str(error))
    subject = _subject(lab, plan, host, observed)
    reached = subject.ok("reachable", f"answered within {answered_at - asked_at:.1f} s")
    return HostLook((reached, *host_keys.pinned(host), *findings(subject, asked_at, answered_at)), subject)


def _not_booted(lab: Lab, plan: Plan, host: InventoryHost) -> HostLook:
    """Judge a sandbox host by its settings, as the deploy will boot it with those."""
    name = ssh_config.alias_of(host.name)
    try:
        spec = spec_of(
            name, **{field: host.data.get(f"{DATA_PREFIX}{field}") for field in SandboxSpec.model_fields}
        )
    except LabError as error:
        return HostLook((Finding(name, "sandbox", Severity.PROBLEM, error.problem, error.next_step),))
    disk = spec.disk * 1024
    system = System(
        debian=spec.debian,
        memory=spec.memory - SYSTEM_MEMORY,
        processors=spec.vcpus,
        disk=disk,
        docker_disk=disk,
    )
    subject = _subject(lab, plan, host, HostObserved(system))
    booted = subject.ok("reachable", "not booted yet: lab up boots it")
    return HostLook((booted, *room(subject)), subject, spec)


def _subject(lab: Lab, plan: Plan, host: InventoryHost, observed: HostObserved) -> CheckedHost:
    name = host.name
    return CheckedHost(
        lab=lab,
        alias=ssh_config.alias_of(name),
        observed=observed,
        guests=plan.guests_on(name),
        containers=plan.containers_on(name),
        kvm=lab.kvm_host(name).settings if KVM_HOSTS in host.groups else None,
        container=lab.container_host(name).settings if CONTAINER_HOSTS in host.groups else None,
    )


def _refused(alias: str, reason: str) -> HostLook:
    next_step = f"log in as root, or let its user sudo without a password: see ./lab ssh {alias}"
    return HostLook((Finding(alias, "sudo", Severity.PROBLEM, f"cannot be asked: {reason}", next_step),))
