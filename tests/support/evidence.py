"""Evidence as a verification finds it: each check, run against what real machines said (``observed/``).

Sheets are the exception: their commands print there what the sheets say, see :mod:`tests.support.recorded`.
"""

import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

import tests.hosts.test_container_hosts as container_hosts
import tests.hosts.test_containers as containers
import tests.hosts.test_domains as domains
import tests.hosts.test_guests as guests
import tests.hosts.test_kvm_hosts as kvm_hosts
import tests.hosts.test_measurements as measurements
import tests.hosts.test_sheets as sheets
import tests.hosts.test_site as site
from minetlab.checks.modules import Cpu, Libvirt
from minetlab.checks.sheets import claims_of
from minetlab.checks.versions import versions_of
from minetlab.claims.evidence import Evidence, Observation, Verdict
from minetlab.lab import ContainerHost, ContainerHostSettings, KvmHost, KvmHostSettings, Lab, Student
from minetlab.plan import allocate
from minetlab.report.page import About
from minetlab.report.topology import Topology, topology
from minetlab.ssh.backend import Read
from tests.support.measured import measured
from tests.support.recorded import ALICE, CONTAINER, CT1, HV1, TP_IMAGES, TPS, RecordedLab

MODULES = (kvm_hosts, domains, guests, container_hosts, containers, site, sheets, measurements)
FAMILY = '"CPU family:", "data": '
SHEETS = {"container": TP_IMAGES, "guest": TPS}


def evidence_of(lab: RecordedLab) -> list[Evidence]:
    """What the checks find on the recorded machines."""
    return [found for check in _checks() for found in _run(check, lab)]


def evidence_of_all_verdicts() -> list[Evidence]:
    """A host without hardware virtualization, a guest with another CPU, and a host that does not answer."""
    lab = RecordedLab()
    lab.spoil(HV1, Cpu.LSCPU, " svm ", " ")
    lab.spoil(HV1, Libvirt.DOMAINS, "<domain type='kvm'", "<domain type='qemu'")
    lab.spoil(HV1, Libvirt.POOLS, "minet", "default")
    lab.spoil(ALICE, Cpu.LSCPU, f'{FAMILY}"15"', f'{FAMILY}"6"')
    silent = (
        f"{CT1} cannot be reached over SSH: connect to host ct1 port 22: No route to host\n  → try it by hand"
    )
    return [
        Evidence(
            claim=each.claim, machine=each.machine, check=each.check, verdict="not checked", reason=silent
        )
        if each.machine in (CT1, CONTAINER)
        else each
        for each in evidence_of(lab)
    ]


def spread(evidence: Iterable[Evidence], shape: Topology) -> list[Evidence]:
    """The same found on every machine of a lab, in place of the one of its kind that was recorded."""
    evidence = list(evidence)
    found = []
    for host in shape.hosts:
        for network in host.networks:
            recorded_host, recorded = (HV1, ALICE) if network.role == "KVM" else (CT1, CONTAINER)
            for machine in (host.name, *(each.name for each in network.machines)):
                names = {recorded_host: host.name, recorded: machine}
                wanted = recorded_host if machine == host.name else recorded
                found += [_renamed(each, names) for each in evidence if each.machine == wanted]
    return found


def shape_of(students: int, kvm_hosts: Iterable[str], container_hosts: Iterable[str]) -> Topology:
    """The topology of a lab of this size."""
    lab = Lab(
        name="minet",
        students=tuple(Student(login=f"s{each:02}", name=f"Élève Numéro {each}") for each in range(students)),
        kvm_hosts=tuple(KvmHost(name=name, settings=KvmHostSettings()) for name in kvm_hosts),
        container_hosts=tuple(
            ContainerHost(name=name, settings=ContainerHostSettings()) for name in container_hosts
        ),
    )
    return topology(lab, allocate(lab))


def recorded_shape() -> Topology:
    """The topology of the recorded lab."""
    lab = RecordedLab()
    return topology(lab.lab, lab.plan)


def about(evidence: Iterable[Evidence]) -> About:
    """Where the report of it comes from."""
    read = [(each.machine, each.command, each.output) for found in evidence for each in found.observations]
    return About(datetime(2026, 10, 1, 9, 5, tzinfo=UTC), "0123abc", {"pyinfra": "3.10"}, versions_of(read))


def _checks() -> Iterator[Callable[..., None]]:
    for module in MODULES:
        for name, check in inspect.getmembers(module, inspect.isfunction):
            if name.startswith("test_"):
                yield check


def _run(check: Callable[..., None], lab: RecordedLab) -> Iterator[Evidence]:
    kind, *more = inspect.signature(check).parameters
    machine = lab.machine(kind)
    if "claim" in more:
        for tp in SHEETS[kind]:
            for claim in claims_of(tp):
                yield _evidence(check, machine, claim, tp, claim)
        return
    carried = [mark.args[0] for mark in getattr(check, "pytestmark", ()) if mark.name == "claim"]
    for claim in carried or [None]:
        for arguments in _arguments(kind, more):
            yield _evidence(check, machine, claim, *arguments)


def _arguments(kind: str, names: list[str]) -> list[list[Any]]:
    """What a check is run with, beside the machine."""
    if names == ["tp"]:
        return [[tp] for tp in SHEETS[kind]]
    return [[measured()]] if names == ["measuring"] else [[]]


def _evidence(check: Callable[..., None], machine: Any, claim: str | None, *arguments: Any) -> Evidence:
    transcript: list[Read] = machine.host.backend.transcript
    transcript.clear()
    verdict: Verdict = "demonstrated"
    reason = ""
    try:
        check(machine, *arguments)
    except AssertionError as failure:
        verdict, reason = "violated", str(failure)
    except pytest.skip.Exception as skipped:
        verdict, reason = "not demonstrable", str(skipped)
    seen = tuple(
        Observation(machine=where, command=command, output=output) for where, command, output in transcript
    )
    return Evidence(
        claim=claim,
        machine=machine.name,
        check=check.__name__,
        verdict=verdict,
        reason=reason,
        observations=seen,
    )


def _renamed(evidence: Evidence, names: dict[str, str]) -> Evidence:
    seen = tuple(
        each.model_copy(update={"machine": names.get(each.machine, each.machine)})
        for each in evidence.observations
    )
    machine = names.get(evidence.machine, evidence.machine)
    reason = evidence.reason
    for old, new in names.items():
        reason = re.sub(rf"\b{old}(?![-\w])", new, reason)
    return evidence.model_copy(update={"machine": machine, "observations": seen, "reason": reason})
