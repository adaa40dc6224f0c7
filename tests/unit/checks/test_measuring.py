"""Each check of what is measured passes on a lab that shows it, and fails on one that does not."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from minetlab.checks import snapshots, workbench
from minetlab.checks.measuring import Measuring
from minetlab.checks.modules import Libvirt
from minetlab.checks.session import Session
from minetlab.checks.snapshots import History
from tests.hosts import test_measurements as checks
from tests.support.measured import Measured, costs, measured, series
from tests.support.recorded import CT1, HV1, RecordedLab
from tests.support.verified import Machines

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


class Bench:
    """Finds the same in every environment, and notes where it is put up."""

    def __init__(self, host: str) -> None:
        self.host, self.shown = host, 0

    def measure(self) -> object:
        return series(self.host)

    def show(self, found: object) -> None:
        self.shown += 1


class Workbench:
    """Stands for what takes minutes, and needs machines; it notes on which ones it was to be done."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.benches: list[Bench] = []
        self.reads: Callable[[], object] = list  # what is read meanwhile
        monkeypatch.setattr(workbench, "kvm_host_bench", self._bench)
        monkeypatch.setattr(workbench, "container_host_bench", self._bench)
        monkeypatch.setattr(workbench, "costs", lambda *machines: self._once(machines, costs()))
        monkeypatch.setattr(snapshots, "run_witness", lambda *machines: self._once(machines, RESTARTED))

    def _once(self, machines: Any, found: Any) -> Any:
        self.asked.append(tuple(machine.name for machine in machines))
        self.reads()
        return found

    @contextmanager
    def _bench(self, *machines: Any) -> Iterator[Bench]:
        self.benches.append(self._once(machines, Bench(machines[0].name)))
        yield self.benches[-1]


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machines:
    return Machines(tmp_path, monkeypatch)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Workbench:
    return Workbench(monkeypatch)


def test_each_measurement_is_made_once_and_kept_with_what_was_read(
    machines: Machines, bench: Workbench
) -> None:
    session = machines.session()
    measuring, host = Measuring(session), session.kvm_hosts[HV1]
    session.transcript.append((HV1, "before", "it began"))
    first = measuring.series(host)
    read = session.transcript[1:]
    assert (HV1, Libvirt.OFF, "") not in read  # its guests are to run, so that nobody has to ask
    session.transcript[:] = []
    assert measuring.series(host) is first
    assert session.transcript == read
    assert (len(bench.benches), bench.benches[0].shown) == (1, 1)
    assert measuring.costs(host) == costs()
    assert measuring.history(host) == RESTARTED
    assert measuring.costs(host) is measuring.costs(host)
    assert session.measured == [first, costs()]
    assert len(bench.asked) == 3


def test_what_a_measurement_reads_is_repeated_for_each_check(machines: Machines, bench: Workbench) -> None:
    session = machines.session()
    measuring, host = Measuring(session), session.kvm_hosts[HV1]
    session.transcript.append((HV1, "before", "it began"))
    bench.reads = lambda: host.reads("uname -r")
    measuring.history(host)
    assert [command for _, command, _ in session.transcript] == ["before", "uname -r"]
    measuring.history(host)
    assert [command for _, command, _ in session.transcript] == ["before", "uname -r", "uname -r"]


def test_the_machines_that_are_measured_belong_together(machines: Machines, bench: Workbench) -> None:
    session = machines.session()
    measuring = Measuring(session)
    measuring.series(session.container_hosts[CT1])
    measuring.series(session.kvm_hosts[HV1])
    measuring.costs(session.kvm_hosts[HV1])
    measuring.history(session.kvm_hosts[HV1])
    assert bench.asked == [
        ("minet-alice-emulation",),
        ("minet-alice", "minet-alice-emulation"),
        ("minet-alice", "minet-alice-emulation"),
        (HV1, "minet-alice-emulation"),
    ]


def test_a_guest_is_compared_with_a_container_of_the_same_student(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bench: Workbench
) -> None:
    machines = Machines(tmp_path, monkeypatch, guests_run=False)
    machines.answers[HV1][Libvirt.OFF] = "minet-alice"
    session = machines.session()
    Measuring(session).costs(session.kvm_hosts[HV1])
    assert bench.asked == [("minet-bob", "minet-bob-emulation")]


def test_where_no_guest_runs_none_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bench: Workbench
) -> None:
    machines = Machines(tmp_path, monkeypatch, guests_run=False)
    machines.answers[HV1][Libvirt.OFF] = "minet-alice\nminet-bob"
    session = machines.session()
    with pytest.raises(AssertionError, match="hv1: no guest runs there"):
        Measuring(session).series(session.kvm_hosts[HV1])
    assert bench.asked == []


def test_each_container_host_is_measured_with_its_own_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bench: Workbench
) -> None:
    machines = Machines(tmp_path, monkeypatch, dict.fromkeys(("ct1", "ct2"), "container_hosts"))
    session = machines.session()
    measuring = Measuring(session)
    for host in session.container_hosts.values():
        measuring.series(host)
    hosts = [session.containers[container].host_machine.name for (container,) in bench.asked]
    assert set(hosts) == {"ct1", "ct2"}
    assert hosts == [*session.container_hosts]
    assert measuring.missing("ct2") == ""


def test_what_is_missing_to_measure_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = {HV1: "kvm_hosts", CT1: "container_hosts"}
    with_it = Measuring(Machines(tmp_path, monkeypatch, both, require_kvm=True).session())
    assert (with_it.missing(HV1), with_it.missing(CT1), with_it.required) == ("", "", True)
    other_tps = Machines(tmp_path, monkeypatch, both, tp_images=["isa", "processus"], require_kvm=False)
    without = Measuring(other_tps.session())
    for host in both:
        assert without.missing(host) == (
            "no container of the TP emulation, whose program is what is measured, in this lab"
        )
    assert not without.required


def test_a_container_host_without_such_a_container_is_not_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = {HV1: "kvm_hosts", "ct1": "container_hosts", "ct2": "container_hosts", "ct3": "container_hosts"}
    measuring = Measuring(Machines(tmp_path, monkeypatch, hosts).session())  # for two students
    assert [measuring.missing(host) for host in hosts] == [
        "", "", "", "no container of the TP emulation on ct3",
    ]  # fmt: skip
