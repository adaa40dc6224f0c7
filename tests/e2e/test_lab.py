"""The main job, in the order an administrator lives through it; each test stands on those before it."""

import sys

import pytest

from tests.e2e import observe
from tests.e2e.conftest import MOST_COMMANDS, LabUnderTest, Scenario, changed

PYTEST = [sys.executable, "-m", "pytest"]
GUEST = "minet-alice"
CONTAINER = "minet-alice-processus"
BOOT_ID = "cat /proc/sys/kernel/random/boot_id"
# When its first process was started, in ticks since its kernel was: field 22 of proc_pid_stat(5).
STARTED = f"{BOOT_ID}; cut -d' ' -f22 /proc/1/stat"


@pytest.fixture(scope="module")
def before(lab: LabUnderTest) -> dict[str, observe.State]:
    """What stands on the hosts when they have the roles' packages and daemons, but no lab yet."""
    results = lab.pyinfra("tests/e2e/roles.py")
    assert results["failed_hosts"] == []
    # This writes the SSH configuration that observing needs.
    lab.in_machine(lab.machines()[0], "true")
    return lab.observe()


def test_deploys(lab: LabUnderTest, before: dict[str, observe.State]) -> None:
    results = lab.pyinfra("deploys/all.py")
    assert results["failed_hosts"] == []
    assert results["totals"]["error"] == 0
    assert lab.observe() != before


def test_proves_every_machine(lab: LabUnderTest) -> None:
    kinds = "not sheet and not measurement"
    result = lab.run(*PYTEST, "-v", "-m", kinds, "tests/hosts", "--inventory", lab.inventory)
    for machine in lab.machines():
        assert f"[{machine}] PASSED" in result.stdout, f"{machine} was not verified"


def test_second_deploy_changes_nothing_with_few_commands(lab: LabUnderTest) -> None:
    results = lab.pyinfra("deploys/all.py")
    assert changed(results) == []
    assert results["totals"]["error"] == 0
    assert lab.most_commands() <= MOST_COMMANDS


def test_changed_spec_changes_exactly_that(lab: LabUnderTest, scenario: Scenario) -> None:
    standing, booted = lab.observe(), lab.in_machine(GUEST, BOOT_ID)
    lab.in_machine(GUEST, "echo 'my work' >notes")
    lab.set_group_data(*scenario.change)
    assert changed(lab.pyinfra("deploys/all.py", "--diff")) == [scenario.operation]
    assert lab.observe() == standing
    assert lab.in_machine(GUEST, "cat notes") == "my work\n"
    assert (lab.in_machine(GUEST, BOOT_ID) != booted) == scenario.restarts
    assert changed(lab.pyinfra("deploys/all.py")) == []


def test_a_student_goes_back_to_a_snapshot_and_then_gets_new_machines(
    lab: LabUnderTest, scenario: Scenario
) -> None:
    """And whoever else is there does not notice."""
    if scenario.students == 1:
        pytest.skip("nobody else is there")
    standing, neighbours = lab.observe(), [name for name in lab.machines() if "-bob" in name]
    unmoved = {name: lab.in_machine(name, STARTED) for name in neighbours}
    lab.in_machine(GUEST, "echo before >notes; sync")
    lab.lab("snapshot", "--inventory", lab.inventory, "alice")
    lab.in_machine(GUEST, "echo after >notes; sync")
    lab.lab("revert", "--inventory", lab.inventory, "alice")
    assert lab.in_machine(GUEST, "cat notes") == "before\n"
    lab.in_machine(CONTAINER, "echo after >~/notes")
    lab.lab("reset", "--inventory", lab.inventory, "alice")
    assert "notes" not in lab.in_machine(GUEST, "ls") + lab.in_machine(CONTAINER, "ls")
    assert lab.observe() == standing
    assert {name: lab.in_machine(name, STARTED) for name in neighbours} == unmoved


def test_teardown_leaves_what_was_there_before(lab: LabUnderTest, before: dict[str, observe.State]) -> None:
    lab.pyinfra("deploys/teardown.py")
    assert lab.observe() == before
    assert changed(lab.pyinfra("deploys/teardown.py")) == []
