"""The same lab on Debian 12 hosts, with the roles' packages already in their image."""

from tests.e2e.conftest import LabUnderTest, changed

SANDBOX = {"sandbox_debian": 12}


def test_deploys(lab: LabUnderTest) -> None:
    results = lab.pyinfra("deploys/all.py")
    assert results["failed_hosts"] == []
    assert results["totals"]["error"] == 0


def test_proves_every_machine(lab: LabUnderTest) -> None:
    lab.lab("verify")


def test_second_deploy_changes_nothing(lab: LabUnderTest) -> None:
    results = lab.pyinfra("deploys/all.py")
    assert changed(results) == []
    assert results["totals"]["error"] == 0
