"""A class of thirty over two KVM hosts, through its day, and a second lab on the same hosts.

Each test has the class as it came up, and some the second lab beside it. Thirty emulated guests would take
hours: those of one host run, the others are defined and not started. All thirty containers run.
"""

import csv
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.e2e.lab_under_test import MOST_COMMANDS, STARTED, LabUnderTest, changed, lab_in_sandbox

pytestmark = pytest.mark.long

STUDENTS, RUNNING, MORE = 30, 2, 28
HOSTS = f"""
kvm_hosts = [
    ("@sandbox/hv1", {{"capacity": {RUNNING}}}),
    ("@sandbox/hv2", {{"capacity": {MORE}, "guests_run": False}}),
]
container_hosts = ["@sandbox/ct1"]
"""
OTHER_HOSTS = """
kvm_hosts = ["@sandbox/hv1"]
container_hosts = ["@sandbox/ct1"]
"""
NETWORK, NETWORK_IN_THE_WAY = (
    {"mode": "nat", "subnet": subnet} for subnet in ("10.78.0.0/24", "10.77.0.0/16")
)


@dataclass
class Labs:
    """The class's lab, which came up and was kept, and another one on the same hosts, which is not up.

    :param said: what ``lab up`` said of the first.
    """

    first: LabUnderTest
    other: LabUnderTest
    said: str


@pytest.fixture(scope="module")
def labs() -> Iterator[Labs]:
    with lab_in_sandbox({}, students=0) as first, lab_in_sandbox({}, students=1) as other:
        first.inventory.write_text(HOSTS)
        with first.inventory.with_name("students.csv").open("a") as roster:
            csv.writer(roster).writerows(
                [f"e{each:02}", f"Élève N° {each}", "", "", "", "fr"] for each in range(STUDENTS)
            )
        other.name, other.environment = "autre", first.environment
        other.inventory.write_text(OTHER_HOSTS)
        other.set_group_data("all", "lab_name", other.name)
        other.set_group_data("kvm_hosts", "guest_network", NETWORK)
        other.set_group_data("container_hosts", "ssh_ports", {"first": 30000, "last": 30999})
        said = first.lab("up", "-i", first.inventory).stdout
        first.keep("up")
        yield Labs(first, other, said)


@pytest.fixture
def lab(labs: Labs) -> LabUnderTest:
    """The class's lab, as it came up."""
    labs.first.come_back("up")
    return labs.first


@pytest.fixture
def standing(labs: Labs) -> LabUnderTest:
    """The same, for tests that leave it as it is."""
    labs.first.come_back("up", to_be_changed=False)
    return labs.first


@pytest.fixture(scope="module")
def both_up(labs: Labs) -> Labs:
    """Both labs, kept as they are when the second has come up beside the first, which did not notice."""
    labs.first.come_back("up")
    standing = labs.first.status()
    neighbour, _ = guest_in(labs.first, "running")
    started = labs.first.in_machine(neighbour, STARTED)
    labs.other.lab("up", "-i", labs.other.inventory)
    assert labs.first.status() == standing
    assert labs.first.in_machine(neighbour, STARTED) == started
    labs.first.keep("both")
    return labs


@pytest.fixture
def both(both_up: Labs) -> Labs:
    """Both labs, as they came up."""
    both_up.first.come_back("both")
    return both_up


def guest_in(lab: LabUnderTest, state: str) -> tuple[str, str]:
    """A guest in this state, and whose it is."""
    guest = min(name for name, found in lab.status().items() if found == state and name.count("-") == 1)
    return guest, guest.partition("-")[2]


def test_comes_up(labs: Labs, standing: LabUnderTest) -> None:
    assert "Every machine that runs shows what it should." in labs.said
    states = standing.status()
    assert Counter(state for name, state in states.items() if name.endswith("-processus")) == {
        "running": STUDENTS
    }
    assert Counter(state for name, state in states.items() if not name.endswith("-processus")) == {
        "running": RUNNING,
        "shut off": MORE,
    }


def test_second_deploy_changes_nothing_with_few_commands(standing: LabUnderTest) -> None:
    assert changed(standing.pyinfra("deploys/all.py")) == []
    assert standing.most_commands() <= MOST_COMMANDS


def test_a_lab_in_the_others_way_is_refused(labs: Labs, lab: LabUnderTest) -> None:
    labs.other.set_group_data("kvm_hosts", "guest_network", NETWORK_IN_THE_WAY)
    said = labs.other.refused("up", "-i", labs.other.inventory)
    assert "10.77.0.0/16 overlaps 10.77.0.0/24, the guest network of the lab minet" in said
    labs.other.set_group_data("kvm_hosts", "guest_network", NETWORK)


def test_a_second_lab_shares_the_hosts(both: Labs) -> None:
    assert set(both.other.status().values()) == {"running"}
    assert changed(both.first.pyinfra("deploys/all.py")) == []
    assert changed(both.other.pyinfra("deploys/all.py")) == []


def test_nobody_fits_in_beyond_the_hosts_capacity(lab: LabUnderTest) -> None:
    before = lab.inventory.with_name("students.csv").read_bytes()
    said = lab.refused("add", "-i", lab.inventory, "Zoé Tardive")
    assert f"but there are {STUDENTS + 1}: 1 too many" in said
    assert lab.inventory.with_name("students.csv").read_bytes() == before


def test_a_late_arrival_takes_the_place_of_a_no_show(lab: LabUnderTest) -> None:
    standing = lab.status()
    absent = f"e{STUDENTS - 1:02}"
    lab.lab("remove", "-i", lab.inventory, absent, "--yes")
    lab.lab("add", "-i", lab.inventory, "Zoé Tardive", "--login", "zoe")
    assert lab.status().keys() - standing.keys() == {"minet-zoe", "minet-zoe-processus"}
    assert standing.keys() - lab.status().keys() == {f"minet-{absent}", f"minet-{absent}-processus"}


def test_one_command_runs_on_every_container(lab: LabUnderTest) -> None:
    said = lab.lab("exec", "-i", lab.inventory, "--all", "--containers", "processus", "hostname").stdout
    assert said.count("(minet-") == STUDENTS


def test_a_guest_that_is_not_started_keeps_nobody_waiting(lab: LabUnderTest) -> None:
    said = lab.refused("exec", "-i", lab.inventory, "--all", "hostname")
    assert f"succeeded on {RUNNING} of {STUDENTS} machines" in said


def test_a_guest_that_is_not_to_run_is_made_anew_and_can_be_started_by_hand(lab: LabUnderTest) -> None:
    guest, login = guest_in(lab, "shut off")
    said = lab.refused("snapshot", "-i", lab.inventory, login)
    assert f"not running, as guests_run is False on @sandbox/hv2: {guest}" in said
    lab.lab("reset", "-i", lab.inventory, login)
    assert lab.status()[guest] == "shut off"
    lab.in_machine("hv2", f"virsh start {guest}")
    lab.wait_for(guest)
    assert lab.status()[guest] == "running"
    lab.lab("verify", "-i", lab.inventory, "--student", login)


def test_work_comes_home(lab: LabUnderTest) -> None:
    _, login = guest_in(lab, "running")
    lab.lab("exec", "-i", lab.inventory, "--student", login, "echo 'my work' >notes")
    folder = lab.folder / "collected"
    lab.lab("collect", "-i", lab.inventory, "--student", login, "--output", folder)
    (archive,) = folder.iterdir()
    assert "notes" in lab.run("tar", "--list", "--file", archive).stdout


def test_a_new_key_replaces_the_old_one(lab: LabUnderTest) -> None:
    guest, login = guest_in(lab, "running")
    booted = lab.in_machine(guest, STARTED)
    lab.lab("rotate", "-i", lab.inventory, login)
    assert lab.in_machine(guest, STARTED) == booted
    lab.lab("verify", "-i", lab.inventory, "--student", login)


def test_nothing_differs_from_the_last_green_run(lab: LabUnderTest) -> None:
    lab.lab("verify", "-i", lab.inventory)
    assert "nothing differs: " in lab.lab("verify", "-i", lab.inventory, "--changed").stdout


def test_everybody_gets_a_card(lab: LabUnderTest) -> None:
    cards = lab.folder / "cards"
    lab.lab("cards", "-i", lab.inventory, "--output", cards)
    assert len([each for each in cards.iterdir() if each.is_dir()]) == STUDENTS


def test_the_export_leads_to_the_machines(lab: LabUnderTest) -> None:
    guest, login = guest_in(lab, "running")
    folder = lab.folder / "export"
    lab.lab("export", "-i", lab.inventory, "--output", folder)
    reached = lab.run("ssh", "-F", folder / "ssh_config", guest, "hostname").stdout
    assert reached.strip() == f"{login}-vm"
    assert len(json.loads((folder / "topology.json").read_text())["topology"]["nodes"]) > 2 * STUDENTS


def test_one_student_goes_with_what_they_made(lab: LabUnderTest) -> None:
    guest, login = guest_in(lab, "running")
    folder = lab.folder / "before-down"
    said = lab.lab("down", "-i", lab.inventory, "--student", login, "--collect", folder).stdout
    assert f"Nothing is left of {login} in the lab minet" in said
    assert len(list(folder.iterdir())) == 1
    assert {name for name, state in lab.status().items() if state == "missing"} == {
        guest,
        f"minet-{login}-processus",
    }


def test_one_lab_goes_and_the_other_stays(both: Labs) -> None:
    standing = both.first.status()
    said = both.other.lab("down", "-i", both.other.inventory).stdout
    assert "Nothing is left of the lab autre on hv1, ct1." in said
    assert both.first.status() == standing
    said = both.first.lab("down", "-i", both.first.inventory).stdout
    assert "Nothing is left of the lab minet on hv1, hv2, ct1." in said
