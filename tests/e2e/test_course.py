"""The course's claims, all of them proved on inventories/course.py, and the report of that in a browser."""

import json
import os
import shutil
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen
from xml.etree import ElementTree as ET

import pytest

from minetlab.claims.claims import CLAIMS
from minetlab.cli.test import OUTPUT
from minetlab.cli.up import sites
from minetlab.inventory.hosts import read_inventory
from minetlab.inventory.load import load_lab
from minetlab.plan import allocate
from minetlab.secrets.certificates import site_certificate
from minetlab.site.build import site_of
from minetlab.util.paths import PROJECT_ROOT
from tests.e2e.browser import assert_report_is_good
from tests.e2e.lab_under_test import BOOT_ID, LabUnderTest, changed, lab_in_sandbox

# Of a host, it is leased by DHCP.
ADDRESSES = "ip -4 -oneline address show scope global | tr -s ' ' | cut -d ' ' -f 2,4"


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((12, 1), id="debian12"),
        pytest.param((13, 2), id="debian13", marks=pytest.mark.long),
    ],
)
def brought_up(request: pytest.FixtureRequest) -> Iterator[LabUnderTest]:
    """All of the practical work, on hosts of a release of Debian, for so many students; up, and kept."""
    debian, students = request.param
    with lab_in_sandbox({}, students) as under_test:
        under_test.inventory.write_text((PROJECT_ROOT / "inventories" / "course.py").read_text())
        for group in ("kvm_hosts", "container_hosts"):
            under_test.set_group_data(group, "sandbox_debian", debian)
        under_test.lab("up", "--inventory", under_test.inventory)
        under_test.keep("up")
        yield under_test


@pytest.fixture(scope="module")
def report(brought_up: LabUnderTest) -> Path:
    """The folder of the report."""
    brought_up.come_back("up", to_be_changed=False)
    folder = brought_up.folder / "report"
    brought_up.lab("report", "--inventory", brought_up.inventory, "--output", folder)
    if kept := os.environ.get(OUTPUT):
        shutil.copytree(folder, Path(kept) / "report", dirs_exist_ok=True)
    return folder


@pytest.fixture
def lab(brought_up: LabUnderTest) -> LabUnderTest:
    """The lab as it came up."""
    brought_up.come_back("up")
    return brought_up


@pytest.fixture
def standing(brought_up: LabUnderTest) -> LabUnderTest:
    """The same, for tests that leave it as it is."""
    brought_up.come_back("up", to_be_changed=False)
    return brought_up


def test_every_claim_is_demonstrated(report: Path) -> None:
    found = json.loads((report / "report.json").read_text())
    assert {each["claim"]["id"]: _verdicts(each) for each in found["findings"]} == {
        claim.id: {"demonstrated"} for claim in CLAIMS
    }
    measured = {each.get("host") for each in found["measured"]}
    assert measured == {"hv1", "ct1", None}, "a series of each host, and a comparison"


def test_serves_the_tp_site_to_this_machine(standing: LabUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINETLAB_STATE", standing.environment["MINETLAB_STATE"])
    described = load_lab(read_inventory(standing.inventory))
    (url,) = sites(described)
    (host,) = described.site_hosts
    knowing_the_ca = ssl.create_default_context(cadata=site_certificate(described, host).anchor.pem)
    with urlopen(url, timeout=60, context=knowing_the_ca) as answer:  # noqa: S310 (it is the lab's own)
        assert site_of(described, allocate(described)).revision in answer.read().decode()


def test_the_report_is_good(report: Path) -> None:
    assert_report_is_good(report / "report.html")


def test_programs_can_read_it(report: Path) -> None:
    for name in ("junit.xml", "junit-measurements.xml"):
        (suite,) = ET.parse(report / name).getroot()  # noqa: S314 (our own)
        assert int(suite.get("tests", "0")) > 0
        assert suite.get("failures") == "0"


def test_second_deploy_changes_nothing(standing: LabUnderTest) -> None:
    results = standing.pyinfra("deploys/all.py")
    assert changed(results) == []
    assert results["totals"]["error"] == 0


def test_a_suspended_lab_goes_on_as_it_was(standing: LabUnderTest) -> None:
    """Whatever runs, runs on: guests, containers, daemons; addresses and clocks are right."""
    plan = allocate(load_lab(read_inventory(standing.inventory)))
    guests, containers = [each.name for each in plan.guests], [each.name for each in plan.containers]
    as_it_is = {
        **dict.fromkeys(["hv1", *guests], f"{BOOT_ID}; {ADDRESSES}"),
        "ct1": "docker inspect --format '{{.Name}} {{.State.StartedAt}}' $(docker ps --quiet)",
    }
    before = {name: standing.in_machine(name, command) for name, command in as_it_is.items()}
    standing.lab("sandbox", "stop")
    time.sleep(3)  # what the clocks would be off by
    assert {name: standing.in_machine(name, command) for name, command in as_it_is.items()} == before
    assert all(before.values())
    for name in ("hv1", "ct1", *guests, *containers):
        asked = time.time()
        there = float(standing.in_machine(name, "date +%s.%N"))
        assert asked - 1 < there < time.time() + 1, f"the clock of {name} is wrong"
    assert standing.in_machine("ct1", "systemctl is-active docker ssh").split() == ["active"] * 2


def test_an_unchanged_lab_comes_back_instead_of_being_made_again(lab: LabUnderTest) -> None:
    booted = {name: lab.in_machine(name, BOOT_ID) for name in lab.machines()}
    lab.lab("down", "--sandbox", "-i", lab.inventory)
    said = lab.lab("up", "-i", lab.inventory).stdout
    assert "Every machine shows what it should." in said
    assert {name: lab.in_machine(name, BOOT_ID) for name in lab.machines()} == booted


def test_down_leaves_nothing(lab: LabUnderTest) -> None:
    assert "Nothing is left of the lab minet on hv1, ct1." in lab.lab("down", "-i", lab.inventory).stdout
    assert set(lab.status().values()) == {"missing"}


def _verdicts(finding: dict[str, list[dict[str, str]]]) -> set[str]:
    return {each["verdict"] for each in finding["evidence"]}
