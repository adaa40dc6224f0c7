"""``lab add`` and ``lab remove``, with pyinfra: on a host that does not answer, and on this machine."""

import io
import stat
from pathlib import Path

import pytest

from minetlab.checks import verify
from minetlab.cli import roster
from minetlab.util.errors import LabError
from minetlab.util.paths import PROJECT_ROOT

ROSTER = "name;login;group\r\nAlice Exemple;alice;1\r\nBob Exemple;bob;2\r\n".encode("utf-8-sig")
RECORD = """\
login,machine,host,place
alice,unit-alice,{host},10.77.0.3
bob,minet-bob,{host},10.77.0.4
bob,unit-bob,{host},10.77.0.5
bob,unit-bob-isa,elsewhere,25000
"""


def inventory_of(folder: Path, monkeypatch: pytest.MonkeyPatch, hosts: str, host: str) -> Path:
    """A lab that nobody has: one of its hosts is this machine, and nothing here carries its label."""
    monkeypatch.setenv("MINETLAB_STATE", str(folder / "state"))
    monkeypatch.chdir(PROJECT_ROOT)
    (folder / "students.csv").write_bytes(ROSTER)
    (folder / "students.csv").chmod(0o640)
    (folder / "allocation.csv").write_text(RECORD.format(host=host))
    (folder / "group_data").mkdir()
    (folder / "group_data" / "all.py").write_text(f"lab_name = 'unit'\nroster = '{folder}/students.csv'\n")
    inventory = folder / "lab.py"
    inventory.write_text(hosts)
    return inventory


@pytest.fixture
def silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Its host does not answer."""
    monkeypatch.setattr(verify, "WORKERS", 0)
    hosts = 'kvm_hosts = [("hv1", {"ssh_hostname": "127.0.0.1", "ssh_port": 1, "capacity": 3})]\n'
    return inventory_of(tmp_path, monkeypatch, hosts, "hv1")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Its host is this machine, without libvirt, whether or not that is installed."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for folder in ("/usr/bin", "/bin"):
        for program in Path(folder).iterdir():
            if program.name != "virsh" and not (programs / program.name).is_symlink():
                (programs / program.name).symlink_to(program)
    monkeypatch.setenv("PATH", str(programs))
    return inventory_of(tmp_path, monkeypatch, 'kvm_hosts = ["@local"]\n', "@local")


def test_who_is_added_stays_in_the_roster_where_a_host_does_not_answer(
    silent: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not roster.add(silent, {"name": "Chloé Lefèvre", "group": "2"})
    file = silent.with_name("students.csv")
    assert file.read_bytes() == ROSTER + "Chloé Lefèvre;;2\r\n".encode()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    said = capsys.readouterr().out
    assert "added Chloé Lefèvre as chloe-lefevre; commit it with" in said
    assert f"./lab up -i {silent} tries again, ./lab remove -i {silent} chloe-lefevre undoes it" in said
    assert "unit-chloe-lefevre" in said
    assert "unit-alice]" not in said


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": "Bob Exemple", "login": "bob"}, "line 4, column login: the same as that of line 3"),
        ({"name": "Eve", "email": "eve@example.org"}, "has no column email"),
        ({"name": "Eve", "ssh_key": "nowhere.pub"}, "--ssh-key is neither"),
    ],
)
def test_a_wrong_student_is_not_added(silent: Path, fields: dict[str, str], said: str) -> None:
    with pytest.raises(LabError, match=said):
        roster.add(silent, fields)
    assert silent.with_name("students.csv").read_bytes() == ROSTER


def test_a_student_for_whom_there_is_no_room_is_not_added(silent: Path) -> None:
    silent.write_text(silent.read_text().replace('"capacity": 3', '"capacity": 2'))
    with pytest.raises(LabError, match="room for 2 students"):
        roster.add(silent, {"name": "Eve"})
    assert silent.with_name("students.csv").read_bytes() == ROSTER


def test_a_key_is_read_from_its_file(silent: Path, tmp_path: Path) -> None:
    file = silent.with_name("students.csv")
    file.write_bytes(b"name,ssh_key\n")
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJhfkqxDFl9cDvI6UTPVzoqcAB1hPq8Mm8VTcQ0tYkX1 eve@laptop"
    (tmp_path / "eve.pub").write_text(f"{key}\n")
    roster.add(silent, {"name": "Eve", "ssh_key": str(tmp_path / "eve.pub")})
    assert file.read_text() == f"name,ssh_key\nEve,{key}\n"


def test_who_is_removed_leaves_the_roster_and_the_record_as_they_were_else(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Places on hosts of other inventories, and those of other labs, are theirs."""
    assert roster.remove(here, "bob", yes=True)
    assert here.with_name("students.csv").read_bytes() == ROSTER.replace(b"Bob Exemple;bob;2\r\n", b"")
    allocation = RECORD.format(host="@local").replace("bob,unit-bob,@local,10.77.0.5\n", "")
    assert here.with_name("allocation.csv").read_text() == allocation
    assert f"removed bob from {here.with_name('students.csv')}" in capsys.readouterr().out
    with pytest.raises(LabError, match="not in the roster: bob"):
        roster.remove(here, "bob", yes=True)


def test_whose_machines_cannot_be_removed_stays(silent: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not roster.remove(silent, "bob", yes=True)
    assert silent.with_name("students.csv").read_bytes() == ROSTER
    assert silent.with_name("allocation.csv").read_text() == RECORD.format(host="hv1")
    assert "bob stays in the roster" in capsys.readouterr().out


def test_nobody_is_removed_unasked(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    with pytest.raises(LabError, match="nobody to ask"):
        roster.remove(here, "bob", yes=False)
    assert here.with_name("students.csv").read_bytes() == ROSTER
    said = capsys.readouterr().out
    assert "bob has unit-bob. What is in them is lost." in said
    assert f"This saves it first: ./lab collect -i {here} --student bob" in said
