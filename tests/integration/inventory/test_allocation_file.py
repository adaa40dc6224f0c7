"""The allocation file, and the operations that write it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from minetlab.inventory import allocation_file
from minetlab.lab import Allocation, Placement, parse_allocation
from minetlab.operations import allocation_file as operations
from minetlab.plan import allocate
from minetlab.plan.placements import with_plan
from minetlab.util.errors import LabError
from minetlab.util.paths import PROJECT_ROOT
from tests.support.fake_host import run_operation
from tests.support.places import lab_of

WORDS = st.from_regex(r"[a-z@/,;\"-]{1,8}", fullmatch=True)
PLACEMENTS = st.lists(
    st.builds(
        Placement, login=WORDS, machine=WORDS, host=WORDS, place=st.ip_addresses(v=4) | st.integers(0, 65535)
    ),
    unique_by=lambda each: (each.machine, each.host),
).map(tuple)
HEADER = "login,machine,host,place\n"


@given(PLACEMENTS)
def test_what_is_written_is_read(placements):
    written = Allocation(placements=placements, source="r.csv")
    assert parse_allocation(written.text, "r.csv") == written


def test_no_file_is_an_empty_record(tmp_path):
    assert allocation_file.read(tmp_path / "allocation.csv").placements == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: no column login"),
        ("login,machine,host\na,m,h\n", "line 1: no column place"),
        (f"{HEADER}a,m,,10.0.0.1\n", "line 2, column host: is empty"),
        (f"{HEADER}a,m,h,10.0.0.256\n", "line 2, column place: is neither an IPv4 address nor a port"),
        (f"{HEADER}a,m,h,\u00b2\n", "line 2, column place: is neither"),
        (f"{HEADER}a,m,h,-1\n", "line 2, column place: is neither"),
        (f"{HEADER}a,m,h,1\nb,m,h,2\n", "line 3: the same machine and host as line 2"),
        (f"<<<<<<< HEAD\n{HEADER}a,m,h,1\n=======\n", "line 1: no column login"),
    ],
)
def test_a_wrong_line_is_named(text, said, tmp_path):
    file = tmp_path / "allocation.csv"
    file.write_text(text)
    with pytest.raises(LabError) as error:
        allocation_file.read(file)
    assert f"allocation.csv, {said}" in error.value.problem
    assert str(file) in error.value.next_step


def test_a_file_that_cannot_be_read_or_written_is_named(tmp_path):
    (tmp_path / "allocation.csv").mkdir()
    with pytest.raises(LabError, match=r"cannot read the allocation file .*allocation\.csv"):
        allocation_file.read(tmp_path / "allocation.csv")
    with pytest.raises(LabError, match=r"cannot write the allocation file .*allocation\.csv"):
        allocation_file.change(tmp_path / "none" / "allocation.csv", lambda there: there)


def test_runs_that_write_at_once_lose_nothing(tmp_path):
    file = tmp_path / "allocation.csv"
    add = """
import sys
from pathlib import Path
from minetlab.inventory import allocation_file
from minetlab.lab import Placement

def add(number):
    new = Placement(login=sys.argv[2], machine=f"{sys.argv[2]}{number}", host="h", place=number)
    def more(there):
        return there.model_copy(update={"placements": (*there.placements, new)})
    allocation_file.change(Path(sys.argv[1]), more)

for number in range(50):
    add(number)
"""
    runs = [
        subprocess.Popen([sys.executable, "-c", add, file, login], cwd=PROJECT_ROOT) for login in ("a", "b")
    ]
    assert [run.wait(60) for run in runs] == [0, 0]
    assert len(allocation_file.read(file).placements) == 100
    assert [each.name for each in tmp_path.iterdir()] == ["allocation.csv"]


@pytest.fixture
def lab(tmp_path):
    return lab_of(["alice", "bob"], allocation=Allocation(source=str(tmp_path / "allocation.csv")))


def at(lab, logins):
    """The lab a run later, with these students."""
    return lab_of(logins, allocation=allocation_file.read(Path(lab.allocation.source)))


def keep(lab, **options):
    return run_operation(operations.write, {}, lab=lab, plan=allocate(lab), **options)


def test_a_deploy_records_the_plan_once_without_a_command_to_the_host(lab):
    first = keep(lab)
    assert (first.changed, first.failed, first.commands) == (True, False, [])
    there = allocation_file.read(Path(lab.allocation.source))
    assert there == with_plan(lab.allocation, lab, allocate(lab))
    again = keep(at(lab, ["alice", "bob"]))
    assert (again.changed, again.failed) == (False, False)
    assert allocation_file.read(Path(lab.allocation.source)) == there


def test_hosts_that_are_deployed_side_by_side_record_the_same(lab):
    assert not keep(lab, hosts=8).failed
    assert allocation_file.read(Path(lab.allocation.source)) == with_plan(lab.allocation, lab, allocate(lab))


DEPLOY = """
from minetlab.inventory import current
from minetlab.operations import allocation_file

lab, plan = current.lab_and_plan()
allocation_file.write(name="Record who has what", lab=lab, plan=plan)
"""


def test_pyinfra_by_itself_records_but_not_in_a_dry_run(tmp_path):
    folder = shutil.copytree(PROJECT_ROOT / "inventories", tmp_path / "inventories")
    (folder / "lab.py").write_text("kvm_hosts = ['@local']\ncontainer_hosts = ['@local']\n")
    (tmp_path / "deploy.py").write_text(DEPLOY)
    file = folder / "allocation.csv"
    file.unlink()

    def pyinfra(option):
        command = [sys.executable, "-m", "pyinfra", option, folder / "lab.py", tmp_path / "deploy.py"]
        subprocess.run(command, cwd=PROJECT_ROOT, check=True, timeout=120, capture_output=True)

    pyinfra("--dry")
    assert not file.exists()
    pyinfra("-y")
    before = file.read_text()
    assert "minet-alice,@local,10.77.0.178" in before
    (folder / "students.csv").write_text("name;login\nChloé;\nBob;bob\n")
    pyinfra("-y")
    assert set(before.splitlines()) < set(file.read_text().splitlines())
    assert "minet-chloe-processus" in file.read_text()


def test_a_run_whose_record_was_written_meanwhile_is_refused(lab):
    keep(lab)
    outdated = lab_of(["alice", "carol"], allocation=lab.allocation)
    before = Path(lab.allocation.source).read_text()
    assert keep(outdated).failed
    assert Path(lab.allocation.source).read_text() == before


def test_a_record_that_cannot_be_written_fails_the_host(lab, tmp_path):
    nowhere = lab.model_copy(
        update={"allocation": Allocation(source=str(tmp_path / "none" / "allocation.csv"))}
    )
    assert keep(nowhere).failed


def test_a_teardown_forgets_who_left_but_not_who_stays(lab):
    keep(lab)
    later = at(lab, ["alice"])
    file = Path(lab.allocation.source)
    on_fake_host = file.read_text().replace("hv0", "@fake/ct1")
    file.write_text(on_fake_host)
    result = run_operation(operations.prune, {}, lab=later, plan=allocate(later))
    assert (result.changed, result.failed) == (True, False)
    left = {(each.machine, each.host) for each in allocation_file.read(file).placements}
    assert ("lab-bob", "@fake/ct1") not in left
    assert ("lab-bob-isa", "ct0") in left
    assert not run_operation(operations.prune, {}, lab=later, plan=allocate(later)).changed
