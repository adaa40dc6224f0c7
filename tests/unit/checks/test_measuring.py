"""Each check of what is measured passes on a lab that shows it, and fails on one that does not."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from minetlab.checks.measuring import Measuring
from minetlab.checks.modules import Libvirt
from minetlab.checks.session import Session
from minetlab.checks.snapshots import History
from tests.hosts import test_measurements as checks
from tests.support.measured import Measured, costs, measured, series
from tests.support.recorded import HV1, RecordedLab

Check = Callable[[Any, Any], None]
GOOD = measured()
CHEAP_PC, NO_PC = series("hv1", **{"emulated PC": 1.4}), series("hv1", guest=1.0)
NEVER_BACK, RESTARTED = History(3, 6, tuple(range(1, 10))), History(3, 6, (1, 2, 3, 4, 5, 6, 1, 2))
# What can be wrong, and what is said of it.
WRONG: list[tuple[Check, dict[str, object], str]] = [
    (checks.test_emulation_costs_on_kvm_host, {"on_kvm_host": CHEAP_PC}, "emulated PC"),
    (checks.test_emulation_costs_on_kvm_host, {"on_kvm_host": NO_PC}, "emulated environments"),
    (
        checks.test_emulation_costs_on_container_host,
        {"on_container_host": series("ct1", **{"emulated program": 9.0, "emulated ARM64": 1.0})},
        "emulated ARM64",
    ),
    (
        checks.test_emulation_costs_on_container_host,
        {"on_container_host": series("ct1", **{"emulated program": 1.9, "emulated ARM64": 30.0})},
        "emulated program",
    ),
    (checks.test_guest_computes_at_the_processors_speed, {"on_kvm_host": series("hv1", guest=20.0)}, "guest"),
    (checks.test_snapshot_brings_the_past_back, {"witnessed": NEVER_BACK}, "some again"),
    (checks.test_snapshot_brings_the_past_back, {"witnessed": RESTARTED}, "observed 1"),
    (checks.test_guest_takes_more_than_a_container, {"compared": costs(seconds=0.1)}, "seconds"),
    (checks.test_guest_takes_more_than_a_container, {"compared": costs(memory=1 << 20)}, "memory"),
    (checks.test_guest_takes_more_than_a_container, {"compared": costs(disk=1024)}, "disk"),
]  # fmt: skip
CHECKS = [check for name, check in vars(checks).items() if name.startswith("test_")]


def run(check: Check, lab: RecordedLab, found: Measured) -> None:
    kind = next(iter(check.__annotations__))
    check(lab.machine(kind), found)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_lab_that_shows_it_passes(check: Check) -> None:
    run(check, RecordedLab(), GOOD)


@pytest.mark.parametrize(("check", "change", "said"), WRONG)
def test_a_lab_that_does_not_fails(check: Check, change: dict[str, object], said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        run(check, RecordedLab(), replace(GOOD, **change))  # type: ignore[arg-type]


def test_every_check_can_fail() -> None:
    assert {check for check, *_ in WRONG} == set(CHECKS)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_without_the_workload_it_is_said_and_require_kvm_refuses_it(check: Check) -> None:
    lacking = "no container of the TP emulation"
    for required, outcome in ((False, pytest.skip.Exception), (True, AssertionError)):
        with pytest.raises(outcome, match=lacking):
            run(check, RecordedLab(), replace(GOOD, lacking=lacking, required=required))


OF_A_GUEST = [
    checks.test_emulation_costs_on_kvm_host,
    checks.test_guest_computes_at_the_processors_speed,
    checks.test_guest_takes_more_than_a_container,
]


@pytest.mark.parametrize("required", [False, True])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_on_a_host_that_is_to_run_no_guest_only_what_needs_none_is_measured(
    check: Check, required: bool
) -> None:
    lab, found = RecordedLab(guests_run=False), replace(GOOD, guest_runs=False, required=required)
    if check in OF_A_GUEST:
        with pytest.raises(pytest.skip.Exception, match=r"hv1: no guest runs .*: guests_run is False on hv1"):
            run(check, lab, found)
    else:
        run(check, lab, found)


def test_a_host_without_guests_has_none_to_be_measured() -> None:
    with pytest.raises(pytest.skip.Exception, match="hv1: no guest runs there to be measured: it has none"):
        run(OF_A_GUEST[0], RecordedLab(), replace(GOOD, guest_runs=False))


def test_the_guest_that_is_measured_is_the_first_that_runs() -> None:
    lab = RecordedLab(guests_run=False)
    alice = lab.guest
    bob = replace(alice, name="minet-bob", guest=lab.plan.guests[1])
    session = SimpleNamespace(guests={machine.name: machine for machine in (alice, bob)})
    measuring = Measuring(cast(Session, session))
    for off, first in (("", alice), ("minet-alice", bob), ("minet-alice\nminet-bob", None)):
        lab.answers[HV1][Libvirt.OFF] = off
        assert measuring.guest(lab.kvm_host) == first


def test_the_guests_ratio_is_not_demonstrable_without_hardware_virtualization() -> None:
    lab = RecordedLab()
    lab.spoil(HV1, "LC_ALL=C lscpu --json", " svm ", " ")
    with pytest.raises(pytest.skip.Exception, match="no hardware virtualization"):
        run(checks.test_guest_computes_at_the_processors_speed, lab, GOOD)
