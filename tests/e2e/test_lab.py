"""The main job on bare Debian 13 hosts, in the order an administrator lives through it."""

import re

from tests.e2e.conftest import PYINFRA, LabUnderTest, changed

SANDBOX = {"sandbox_image": "bare"}
MOST_COMMANDS = 40


def test_deploys_onto_bare_hosts(lab: LabUnderTest) -> None:
    results = lab.pyinfra("deploys/all.py")
    assert results["failed_hosts"] == []
    assert results["totals"]["error"] == 0
    assert changed(results), "a first deploy onto bare hosts must have something to do"


def test_proves_every_machine(lab: LabUnderTest) -> None:
    result = lab.lab("verify")
    for machine in ("hv1", "ct1", "minet-alice", "minet-bob", "minet-alice-processus", "minet-bob-processus"):
        assert f"[{machine}]" in result.stdout or machine in result.stdout


def test_second_deploy_changes_nothing(lab: LabUnderTest) -> None:
    results = lab.pyinfra("deploys/all.py")
    assert changed(results) == []
    assert results["totals"]["error"] == 0


def test_second_deploy_sends_few_commands(lab: LabUnderTest) -> None:
    result = lab.run(*PYINFRA, "-y", "--debug", str(lab.inventory), "deploys/all.py", check=True)
    sent = re.findall(r"Running command on (\S+):", result.stdout)
    assert {host: sent.count(host) for host in set(sent) if sent.count(host) > MOST_COMMANDS} == {}
    assert sent, "pyinfra's debug output names the commands it sends"


def test_changed_spec_changes_exactly_that(lab: LabUnderTest) -> None:
    containers = lab.observe()["ct1"]["containers"]
    lab.set_group_data("container_hosts", "container", {"memory": 192, "pids": 128, "capabilities": []})
    results = lab.pyinfra("deploys/all.py", "--diff")
    assert len(changed(results)) == 1, changed(results)
    assert "container" in changed(results)[0].lower()
    assert lab.observe()["ct1"]["containers"] == containers
    assert changed(lab.pyinfra("deploys/all.py")) == []


def test_teardown_leaves_what_was_there_before(lab: LabUnderTest) -> None:
    """The state before is made by the roles without the lab's own things: a deploy of them, then a look."""
    lab.pyinfra("deploys/teardown.py")
    empty = lab.observe()
    assert [
        name for host in empty.values() for names in host.values() for name in names if "minet" in name
    ] == []
    lab.pyinfra("deploys/all.py")
    assert lab.observe() != empty
    lab.pyinfra("deploys/teardown.py")
    assert lab.observe() == empty
    assert changed(lab.pyinfra("deploys/teardown.py")) == []
