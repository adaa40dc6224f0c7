"""The main job, as an administrator lives through it: each step on the lab as it was deployed."""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from minetlab.inventory.hosts import read_inventory
from minetlab.inventory.load import load_lab
from tests.e2e import observe
from tests.e2e.lab_under_test import BOOT_ID, MOST_COMMANDS, STARTED, LabUnderTest, changed, lab_in_sandbox

PYTEST = [sys.executable, "-m", "pytest"]
GUEST = "minet-alice"
CONTAINER = "minet-alice-processus"


@dataclass(frozen=True)
class Scenario:
    """A lab, and the one spec that changes in its life.

    :param hosts: what the inventory says of each host.
    :param students: how many of the roster take part: guests of an emulated host boot one after the other.
    :param guest_image: of the guests.
    :param change: group, key and value of the spec.
    :param operations: what alone may change something then.
    :param restarts: whether that restarts the guests.
    """

    hosts: dict[str, object]
    students: int
    guest_image: dict[str, object]
    change: tuple[str, str, object]
    operations: list[str]
    restarts: bool


SCENARIOS = {
    # The roles are installed for real, on the release that hosts have by default.
    "bare": Scenario(
        hosts={"sandbox_image": "bare"},
        students=2,
        guest_image={"debian": 13},
        change=("container_hosts", "container", {"memory": 192, "disk": 640}),
        operations=[
            "deploys/containers.py | Give each container a home folder",
            "deploys/containers.py | Run the students' containers",
        ],
        restarts=False,
    ),
    "debian12": Scenario(
        hosts={"sandbox_debian": 12},
        students=1,
        guest_image={"debian": 12},
        change=("kvm_hosts", "guest", {"memory": 768, "disk": 9}),
        operations=["deploys/guests.py | Run the students' guests"],
        restarts=True,
    ),
}


@dataclass(frozen=True)
class Deployed:
    """A scenario's lab, deployed to hosts that had the roles' packages and daemons, and no lab yet.

    :param before: what stood on the hosts then.
    :param results: pyinfra's account of the deploy.
    """

    scenario: Scenario
    under_test: LabUnderTest
    before: dict[str, observe.State]
    results: dict[str, Any]


@pytest.fixture(scope="module", params=["bare", pytest.param("debian12", marks=pytest.mark.long)])
def deployed(request: pytest.FixtureRequest) -> Iterator[Deployed]:
    """Each lab that is tried, deployed once and kept."""
    scenario = SCENARIOS[request.param]
    with lab_in_sandbox(scenario.hosts, scenario.students) as under_test:
        under_test.set_group_data("kvm_hosts", "guest_image", scenario.guest_image)
        roles = under_test.pyinfra("tests/e2e/roles.py")
        assert roles["failed_hosts"] == []
        # This writes the SSH configuration that observing needs.
        under_test.in_machine(under_test.machines()[0], "true")
        before = under_test.observe()
        results = under_test.pyinfra("deploys/all.py")
        under_test.keep("deployed")
        yield Deployed(scenario, under_test, before, results)


@pytest.fixture
def lab(deployed: Deployed) -> LabUnderTest:
    """The lab as it was deployed."""
    deployed.under_test.come_back("deployed")
    return deployed.under_test


@pytest.fixture
def standing(deployed: Deployed) -> LabUnderTest:
    """The same, for tests that leave it as it is."""
    deployed.under_test.come_back("deployed", to_be_changed=False)
    return deployed.under_test


def test_deploys(deployed: Deployed, standing: LabUnderTest) -> None:
    assert deployed.results["failed_hosts"] == []
    assert deployed.results["totals"]["error"] == 0
    before, now = (machines_of(state) for state in (deployed.before, standing.observe()))
    planned = set(standing.machines()) - {"hv1", "ct1"}
    assert len(planned) == 2 * deployed.scenario.students  # a guest and a container each
    assert planned.isdisjoint(before)
    assert planned <= now


def machines_of(state: dict[str, observe.State]) -> set[str]:
    """The guests and containers that stand on the hosts."""
    return {*state["kvm_hosts"]["domains"], *state["container_hosts"]["containers"]}


def test_proves_every_machine(standing: LabUnderTest) -> None:
    kinds = "not sheet and not measurement"
    result = standing.run(*PYTEST, "-v", "-m", kinds, "tests/hosts", "--inventory", standing.inventory)
    for machine in standing.machines():
        assert f"[{machine}] PASSED" in result.stdout, f"{machine} was not verified"


def test_second_deploy_changes_nothing_with_few_commands(standing: LabUnderTest) -> None:
    results = standing.pyinfra("deploys/all.py")
    assert changed(results) == []
    assert results["totals"]["error"] == 0
    assert standing.most_commands() <= MOST_COMMANDS


def test_changed_spec_changes_exactly_that(lab: LabUnderTest, deployed: Deployed) -> None:
    scenario = deployed.scenario
    standing, booted = lab.observe(), lab.in_machine(GUEST, BOOT_ID)
    lab.in_machine(GUEST, "echo 'my work' >notes")
    lab.set_group_data(*scenario.change)
    lab.in_machine(CONTAINER, "echo 'my work' >~/notes")
    assert changed(lab.pyinfra("deploys/all.py", "--diff")) == scenario.operations
    if scenario.restarts:  # what its console showed before is set aside
        consoles = f"/var/lib/libvirt/images/minet-lab/{lab.name}/consoles"
        standing["kvm_hosts"]["files"].append(f"{consoles}/{GUEST}.log.before")
        standing["kvm_hosts"]["files"].sort()
    assert lab.observe() == standing
    assert lab.in_machine(GUEST, "cat notes") == lab.in_machine(CONTAINER, "cat ~/notes") == "my work\n"
    limits = load_lab(read_inventory(lab.inventory)).container_hosts[0].settings.container
    size = int(lab.in_machine(CONTAINER, "df --output=size --block-size=1M ~ | tail -n 1"))
    assert 0.9 * limits.disk < size <= limits.disk, "the home folder grows under its container"
    assert (lab.in_machine(GUEST, BOOT_ID) != booted) == scenario.restarts
    assert changed(lab.pyinfra("deploys/all.py")) == []


def test_a_student_goes_back_to_a_snapshot_and_then_gets_new_machines(
    lab: LabUnderTest, deployed: Deployed
) -> None:
    """And whoever else is there does not notice."""
    if deployed.scenario.students == 1:
        pytest.skip("nobody else is there")
    standing, neighbours = lab.observe(), [name for name in lab.machines() if "-bob" in name]
    unmoved = {name: lab.in_machine(name, STARTED) for name in neighbours}
    lab.in_machine(GUEST, "echo before >notes; sync")
    lab.lab("snapshot", "--inventory", lab.inventory, "alice")
    lab.in_machine(GUEST, "echo after >notes; sync")
    lab.lab("revert", "--inventory", lab.inventory, "alice")
    assert lab.in_machine(GUEST, "cat notes") == "before\n"
    asked = time.time()
    assert asked - 2 < float(lab.in_machine(GUEST, "date +%s")) < time.time() + 2, "the snapshot's time"
    lab.in_machine(CONTAINER, "echo after >~/notes")
    lab.lab("reset", "--inventory", lab.inventory, "alice")
    assert "notes" not in lab.in_machine(GUEST, "ls") + lab.in_machine(CONTAINER, "ls")
    assert lab.observe() == standing
    assert {name: lab.in_machine(name, STARTED) for name in neighbours} == unmoved


def test_teardown_leaves_what_was_there_before(lab: LabUnderTest, deployed: Deployed) -> None:
    lab.pyinfra("deploys/teardown.py")
    assert lab.observe() == deployed.before
    assert changed(lab.pyinfra("deploys/teardown.py")) == []
