"""The machines that checks take as arguments: what answers is handed over, and what is silent fails once."""

from pathlib import Path

import pytest

from minetlab.checks.modules import Libvirt
from tests.support.recorded import ALICE, CONTAINER, CT1, HV1
from tests.support.verified import Machines, ended

EACH_KIND = """
def test_kvm_host(kvm_host): assert kvm_host.settings.guests_run
def test_domain(domain): assert domain.guest.name == domain.name
def test_guest(guest): assert guest.reads("uname -n") == "alice-vm"
def test_container_host(container_host): assert container_host.site
def test_site_host(site_host): assert site_host.site.port == 8080
def test_jump_host(jump_host): assert jump_host.keys.count("permitopen") == 2
def test_container(container): assert container.container.name == container.name

seen = []
def test_measuring(measuring): seen.append(measuring)
def test_measuring_again(measuring): assert seen == [measuring]
"""
ON_GUESTS = """
def test_first(guest): pass
def test_second(guest): pass
"""


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machines:
    return Machines(tmp_path, monkeypatch)


def test_each_kind_of_machine_is_handed_to_its_checks(machines: Machines) -> None:
    found = ended(machines.verified(EACH_KIND))
    for name, machine in (
        *(("kvm_host", HV1), ("domain", ALICE), ("guest", ALICE), ("jump_host", HV1)),
        *(("container_host", CT1), ("site_host", CT1), ("container", CONTAINER)),
        *(("measuring", ""), ("measuring_again", "")),
    ):
        assert found[machine, f"test_{name}"] == "passed", name
    assert found["minet-bob", "test_domain"] == "passed"  # it is its host that is asked
    assert found["minet-bob", "test_guest"] == "failed"


def test_a_silent_machine_fails_its_first_check_and_no_other_is_tried(
    machines: Machines, capsys: pytest.CaptureFixture[str]
) -> None:
    verdicts = machines.verified(ON_GUESTS)
    assert ended(verdicts) == {
        (ALICE, "test_first"): "passed",
        (ALICE, "test_second"): "passed",
        ("minet-bob", "test_first"): "failed",
        ("minet-bob", "test_second"): "skipped",
    }
    reasons = {check.name: check.reason for check in verdicts.checks.values() if check.machine != ALICE}
    assert reasons["test_first"].startswith("minet-bob cannot be reached over SSH: no route")
    assert reasons["test_second"] == "minet-bob: not checked further, because minet-bob does not answer"
    assert "fixtures.py" not in capsys.readouterr().out  # how it was found out concerns nobody


def test_behind_a_silent_host_nothing_is_asked(machines: Machines) -> None:
    del machines.answers[HV1], machines.answers[CT1]
    verdicts = machines.verified(ON_GUESTS + "def test_container(container): pass\n")
    assert set(ended(verdicts).values()) == {"failed", "skipped"}
    assert verdicts.checks[ALICE, "test_first"].reason.startswith("hv1 cannot be reached")
    assert verdicts.checks[ALICE, "test_second"].reason == (
        "minet-alice: not checked further, because hv1 does not answer"
    )
    assert verdicts.checks[CONTAINER, "test_container"].reason.startswith("ct1 cannot be reached")
    assert {each.verdict for each in verdicts.evidence} == {"not checked"}


def test_inside_a_guest_that_is_off_on_purpose_nothing_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machines = Machines(tmp_path, monkeypatch, guests_run=False)
    machines.answers[HV1][Libvirt.OFF] = ALICE
    verdicts = machines.verified(ON_GUESTS)
    for name in ("test_first", "test_second"):
        check = verdicts.checks[ALICE, name]
        assert check.outcome == "skipped"
        assert check.reason == "minet-alice: defined, not started (guests_run is False on hv1)"
    assert machines.connections[ALICE].asked == []
    # Bob's was started by hand, and has to answer.
    assert verdicts.checks["minet-bob", "test_first"].outcome == "failed"
