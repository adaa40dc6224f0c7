import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from minetlab.inventory import hosts
from minetlab.inventory.hosts import InventoryHost, begin_to_read, read_inventory
from minetlab.inventory.load import LoadedLab, load, load_lab
from minetlab.lab import Allocation, BridgedNetwork, UrlImage
from minetlab.plan import allocate
from minetlab.plan.placements import with_plan
from minetlab.util.errors import LabError
from minetlab.util.paths import PROJECT_ROOT

BRIDGE = {
    "mode": "bridge",
    "bridge": "br0",
    "subnet": "192.0.2.0/24",
    "gateway": "192.0.2.1",
    "nameservers": ["192.0.2.1"],
}
TPS, IMAGES = ("vm", "conteneur"), ("processus", "isa", "emulation")
WAITS = """
import os, time
with open({pid!r} + ".new", "w") as file:
    file.write(str(os.getpid()))
os.rename({pid!r} + ".new", {pid!r})
time.sleep(60)
"""
FETCHED = {"url": "https://example.org/i.qcow2", "sha256": 64 * "0"}


@pytest.fixture
def folder(tmp_path):
    """A copy of the inventory the project ships."""
    return shutil.copytree(PROJECT_ROOT / "inventories", tmp_path / "inventories")


def runs(pid):
    """Whether a process is there, and more than an entry that nobody has asked for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def set_data(folder, group, line):
    with (folder / "group_data" / f"{group}.py").open("a") as file:
        file.write(f"\n{line}\n")


def test_the_shipped_inventory_is_a_lab_of_two_students_on_two_sandbox_hosts(folder):
    lab = load_lab(read_inventory(folder / "lab.py"))
    assert [host.name for host in lab.kvm_hosts] == ["@sandbox/hv1"]
    assert [host.name for host in lab.container_hosts] == ["@sandbox/ct1"]
    assert len(lab.students) == 2


def test_data_that_has_another_name_now_says_which(folder):
    with (folder / "group_data" / "container_hosts.py").open("a") as data:
        data.write("portal_port = 80\n")
    with pytest.raises(LabError, match="portal_port: unknown group data") as error:
        load_lab(read_inventory(folder / "lab.py"))
    assert error.value.next_step == "call it site_port"


def test_the_production_example_is_a_valid_inventory(folder):
    lab = load_lab(read_inventory(folder / "production.example.py"))
    assert [host.name for host in lab.kvm_hosts] == ["hv1.example.org", "hv2.example.org"]


def test_all_of_the_practical_work_is_on_real_hosts_and_on_the_course_in_the_sandbox(folder):
    for name, whole in (("lab.py", False), ("course.py", True), ("production.example.py", True)):
        lab = load_lab(read_inventory(folder / name))
        settings = [host.settings for host in lab.kvm_hosts]
        assert {each.guest_tps for each in settings} == {tuple(TPS) if whole else ()}
        images = {host.settings.tp_images for host in lab.container_hosts}
        assert images == {tuple(IMAGES) if whole else ("processus",)}


@pytest.mark.parametrize(
    ("group", "line", "said"),
    [
        ("kvm_hosts", "gest = {}", "gest: unknown group data"),
        ("kvm_hosts", "guest = {'memory': '1 GiB'}", "guest.memory"),
        ("kvm_hosts", "guest = {'memory': 10}", "guest.memory"),
        ("kvm_hosts", "guest = {'memory': 10 ** 9}", "guest.memory"),
        ("kvm_hosts", "guest_network = {'subnet': '10.0.0.0/29'}", "has no address left for guests"),
        ("kvm_hosts", "guest_network = {'subnet': '10.0.0.1/24'}", "guest_network"),
        (
            "kvm_hosts",
            "guest_image = {'url': 'https://example.org/i.qcow2'}",
            "exactly one of sha256 and sha512",
        ),
        (
            "@sandbox",
            f"guest_image = {FETCHED!r}\nguest_tps = ['vm']",
            "guest_tps: Value error, an image that is fetched from a URL cannot hold them",
        ),
        ("@sandbox", "guest_tps = ['../etc']", "guest_tps.0"),
        ("@sandbox", "guest_tps = 'vm'", "guest_tps"),
        ("kvm_hosts", "capacity = -1", "capacity"),
        ("container_hosts", "capacity = 'many'", "capacity"),
        ("all", "lab_name = 'Much Too Long A Name'", "lab_name"),
        ("@sandbox", "require_kvm = 'yes'", "require_kvm"),
        ("kvm_hosts", "guests_run = 'no'", "guests_run"),
        (
            "container_hosts",
            "docker_address_pools = [{'base': '10.0.0.0/24', 'size': 16}]",
            "cannot be cut from",
        ),
        ("container_hosts", "container = {'capabilities': ['net; rm -rf /']}", "container.capabilities"),
    ],
)
def test_wrong_data_is_named_with_its_file_and_line(folder, group, line, said):
    set_data(folder, group, line)
    with pytest.raises(LabError) as error:
        load_lab(read_inventory(folder / "lab.py"))
    assert said in error.value.problem
    assert f"group_data/{group}.py, line" in error.value.problem


def test_a_missing_roster_is_named(folder):
    (folder / "students.csv").unlink()
    with pytest.raises(LabError, match="cannot read the roster"):
        load_lab(read_inventory(folder / "lab.py"))


def test_a_roster_out_of_a_spreadsheet_in_another_encoding_is_named(folder):
    (folder / "students.csv").write_bytes("name\nAndré\n".encode("cp1252"))
    with pytest.raises(LabError, match=r"students\.csv, line 2: a letter is not encoded in UTF-8"):
        load_lab(read_inventory(folder / "lab.py"))


def test_the_record_beside_the_roster_is_the_shipped_plan(folder):
    lab = load_lab(read_inventory(folder / "lab.py"))
    assert lab.allocation.source == str(folder / "allocation.csv")
    assert with_plan(lab.allocation, lab, allocate(lab)) == lab.allocation
    assert allocate(lab) == allocate(lab.model_copy(update={"allocation": Allocation()}))


def test_a_wrong_record_is_named(folder):
    (folder / "allocation.csv").write_text("<<<<<<< HEAD\n")
    with pytest.raises(LabError, match=r"allocation\.csv, line 1: no column login"):
        load_lab(read_inventory(folder / "lab.py"))


def test_it_is_read_once_and_again_when_one_of_its_files_changes(folder, monkeypatch):
    first = read_inventory(folder / "lab.py")
    with monkeypatch.context() as patched:
        patched.setattr("subprocess.Popen", None)  # calling it would be an error
        assert read_inventory(folder / "lab.py") == first
    set_data(folder, "@sandbox", "require_kvm = True")
    assert {host.data["require_kvm"] for host in read_inventory(folder / "lab.py")} == {True}


@pytest.mark.parametrize(
    ("kvm_hosts", "required"),
    [
        (["@sandbox/hv1"], False),
        (["hv1.example.org"], True),
        (["@sandbox/hv1", "hv1.example.org"], True),
        ([("hv1.example.org", {"require_kvm": False})], False),
    ],
)
def test_kvm_is_required_of_real_hosts_unless_they_say_otherwise(folder, kvm_hosts, required):
    (folder / "lab.py").write_text(f"kvm_hosts = {kvm_hosts}\ncontainer_hosts = ['ct1.example.org']\n")
    assert load(folder / "lab.py").lab.require_kvm == required


@pytest.mark.parametrize("name", ["students.csv", "allocation.csv", "group_data/all.py"])
def test_a_lab_is_loaded_once_and_again_when_one_of_its_files_changes(folder, name):
    first = load(folder / "lab.py")
    assert load(folder / "lab.py") is first
    assert first == LoadedLab(first.hosts, load_lab(first.hosts), allocate(first.lab))
    assert first.roster == folder / "students.csv"
    file = folder / name
    file.write_text(file.read_text() + "\n")
    assert load(folder / "lab.py") is not first
    assert load(folder / "lab.py") == first


def test_a_lab_whose_roster_is_not_there_says_so(folder):
    (folder / "students.csv").unlink()
    with pytest.raises(LabError, match=r"cannot read the roster .*students\.csv"):
        load(folder / "lab.py")


def test_a_reading_that_has_begun_is_the_one_that_is_used(folder, monkeypatch):
    begin_to_read(folder / "lab.py")
    monkeypatch.setattr("subprocess.Popen", None)  # calling it would be an error
    assert len(read_inventory(folder / "lab.py")) == 2


def test_an_inventory_that_waits_for_something_is_named_and_ended(folder, monkeypatch):
    monkeypatch.setattr(hosts, "READ_LIMIT", 1)
    pid = folder / "pid"
    (folder / "lab.py").write_text(WAITS.format(pid=str(pid)))
    with pytest.raises(LabError, match=r"cannot read the inventory .*lab\.py within 1 s"):
        read_inventory(folder / "lab.py")
    assert not pid.exists() or not runs(int(pid.read_text()))


def test_a_reading_that_nobody_wants_ends_with_its_command(folder):
    pid = folder / "pid"
    (folder / "lab.py").write_text(WAITS.format(pid=str(pid)))
    program = f"""
import time
from pathlib import Path
from minetlab.inventory.hosts import begin_to_read
begin_to_read(Path({str(folder / "lab.py")!r}))
while not Path({str(pid)!r}).exists():
    time.sleep(0.05)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
    assert not runs(int(pid.read_text()))


def test_an_inventory_that_is_not_there_is_named(tmp_path):
    with pytest.raises(LabError, match=r"cannot read the inventory .*nowhere\.py"):
        read_inventory(tmp_path / "nowhere.py")


def test_an_inventory_without_hosts_is_refused(folder):
    (folder / "lab.py").write_text("kvm_hosts = []\n")
    with pytest.raises(LabError, match="the inventory has no hosts"):
        load(folder / "lab.py")


def test_a_bridge_of_the_host_and_a_fetched_image_can_be_chosen(folder):
    set_data(folder, "kvm_hosts", f"guest_network = {BRIDGE!r}")
    set_data(folder, "kvm_hosts", f"guest_image = {FETCHED!r}\nguest_tps = []")
    settings = load_lab(read_inventory(folder / "lab.py")).kvm_hosts[0].settings
    assert isinstance(settings.guest_network, BridgedNetwork)
    assert isinstance(settings.guest_image, UrlImage)


def test_one_host_can_differ(folder):
    (folder / "lab.py").write_text("kvm_hosts = ['a', ('b', {'guest': {'memory': 2048}})]\n")
    lab = load_lab(read_inventory(folder / "lab.py"))
    assert [host.settings.guest.memory for host in lab.kvm_hosts] == [1024, 2048]


def test_one_host_can_have_its_guests_defined_only(folder):
    hosts = "('a', {'capacity': 1}), ('b', {'capacity': 1, 'guests_run': False})"
    (folder / "lab.py").write_text(f"kvm_hosts = [{hosts}]\n")
    plan = allocate(load_lab(read_inventory(folder / "lab.py")))
    assert {guest.host: guest.to_run for guest in plan.guests} == {"a": True, "b": False}


def test_data_of_pyinfras_connectors_is_not_the_labs_business(folder):
    (folder / "lab.py").write_text("kvm_hosts = [('a', {'ssh_user': 'admin', '_sudo': True})]\n")
    assert load_lab(read_inventory(folder / "lab.py")).kvm_hosts[0].name == "a"
    assert InventoryHost("a", (), {}).data == {}
